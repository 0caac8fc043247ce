#pragma once


#include "notify_board.hpp"

namespace bench {

/// A broker on this machine, at a port of 127.0.0.1, as one side of the runs of notify_board.hpp.
using BrokerNotify = NotifyFigures (*)(int port, const Course& course);
/// Group work through it, at most as in shared_flow.hpp; prints its figures.
using BrokerWork = void (*)(int port, double seconds);

/// The main function of a comparison program: RUN PORT SECONDS. `work` may be null.
int broker_main(int argc, char** argv, BrokerNotify notify, BrokerWork work);

}  // namespace bench
