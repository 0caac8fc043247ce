#include "transport/options.hpp"

#include <span>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "transport/zmq_error.hpp"

namespace evmesh::transport {
namespace {

struct Option {
  int name;
  int value;
};

/// A closed socket drops what it holds: the engine decides what lingers, not ZeroMQ. Dead connections are
/// seen by keepalive (2 s, then every second), which is what a SUB has, and by TCP_MAXRT where something was
/// sent.
constexpr Option common[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_IPV6, 1},
    {ZMQ_HANDSHAKE_IVL, 2'000},
    {ZMQ_TCP_MAXRT, 5'000},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 2},
    {ZMQ_TCP_KEEPALIVE_INTVL, 1},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
};

/// No ZMTP heartbeats anywhere: on a socket whose RCVHWM is finite and whose reader stalls while the peer goes away, the next
/// one aborts the process inside libzmq 4.3.4 (stream_engine_base.cpp:331, libzmq#3937; bound sockets too, each time), and an
/// infinite RCVHWM costs gigabytes. Who is alive is membership's to know; dead connections end by the options above.
constexpr Option bound[] = {
    {ZMQ_BACKLOG, 512},  // all peers dial at once after a power cut
};

/// A socket with a ZAP domain turns ZMTP 1 and 2 away. libzmq 4.3.4 aborts the process when such a stranger reaches an
/// XPUB whose pipe cannot take the subscription it makes up for him (zmtp_engine.cpp:446; random bytes did it in one run of
/// five). Nobody answers for the domain as long as links are not authenticated, which lets ZMTP 3 pass.
constexpr std::string_view zap_domain = "evmesh";

constexpr Option connecting[] = {
    {ZMQ_CONNECT_TIMEOUT, 1'000},  // the kernel's own takes 12 s more to notice that a cut network healed
    {ZMQ_RECONNECT_IVL, 100},
    {ZMQ_RECONNECT_IVL_MAX, 2'000},
};

/// MANDATORY: an answer to nobody is an error to count, not a void. HANDOVER: a reconnected peer is heard,
/// not muted.
constexpr Option inbox[] = {
    {ZMQ_RCVHWM, 1'000},
    {ZMQ_SNDHWM, 128},  // answers are few and small
    {ZMQ_ROUTER_MANDATORY, 1},
    {ZMQ_ROUTER_HANDOVER, 1},
};

/// VERBOSER: each follower's barrier is reported when it comes and when it goes, also when two connections
/// overlap.
constexpr Option publisher[] = {
    {ZMQ_RCVHWM, 128},
    {ZMQ_SNDHWM, 128},  // times 64 KiB: the flow window
    {ZMQ_XPUB_VERBOSER, 1},
};

constexpr Option follower[] = {
    {ZMQ_RCVHWM, 128},
    {ZMQ_SNDHWM, 128},  // two subscriptions per peer pass here; a full pipe would drop them silently
};

/// Eight messages of at most 64 KiB: what is in a DEALER can no longer be overtaken by something more urgent.
/// IMMEDIATE 0: the frames name the life they are for, so what was queued for a dead one is refused by the
/// next.
constexpr Option link[] = {
    {ZMQ_RCVHWM, 128},
    {ZMQ_SNDHWM, 8},
    {ZMQ_IMMEDIATE, 0},
};

struct Sheet {
  int kind;
  std::span<const Option> by_side;
  std::span<const Option> by_role;
};

Sheet sheet_of(Role role) {
  switch (role) {
    case Role::inbox: return {ZMQ_ROUTER, bound, inbox};
    case Role::publisher: return {ZMQ_XPUB, bound, publisher};
    case Role::follower: return {ZMQ_SUB, connecting, follower};
    case Role::link: break;
  }
  return {ZMQ_DEALER, connecting, link};
}

}  // namespace

Result<Socket> open_socket(void* context, Role role, std::uint64_t event_size_bytes_max) {
  const Sheet sheet = sheet_of(role);
  Result<Socket> socket = Socket::open(context, sheet.kind);
  if (!socket) return socket;

  int error = socket->set(ZMQ_MAXMSGSIZE,
                          static_cast<std::int64_t>(event_size_bytes_max + limits::frame_overhead_bytes));
  if (error == 0 && sheet.by_side.data() == bound) error = socket->set(ZMQ_ZAP_DOMAIN, zap_domain);
  for (const std::span<const Option> options :
       {std::span<const Option>(common), sheet.by_side, sheet.by_role}) {
    for (const Option& option : options) {
      if (error == 0) error = socket->set(option.name, option.value);
    }
  }
  if (error != 0) return tl::unexpected(socket_error("set the options of a socket", error));
  return socket;
}

}  // namespace evmesh::transport
