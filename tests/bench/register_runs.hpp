#pragma once

namespace bench {

struct RegisterFigures {
  double local_p99_us = 0;       ///< until `register_listener` returned, that waits for nobody
  double receipt_p99_us = 0;     ///< until all live peers had acknowledged
  double bytes_per_key = 0;      ///< by which the process grew for each key that each peer announced
};

/// One node among seven others of `keys_per_node` keys each, that registers one listener after the other. No figure when
/// a peer is missing or a receipt is not complete.
RegisterFigures register_figures(double seconds);

/// Processor time of a node that has seven peers and nothing to do, in percent of one core.
double idle_percent(double seconds);

}  // namespace bench
