#include "base/limits.hpp"

#include <catch2/catch.hpp>

namespace limits = evmesh::limits;

// The documented numbers, written out: whoever changes one changes a promise.
TEST_CASE("the bounds are the documented ones", "[base][limits]") {
  CHECK(limits::event_size_bytes_default == 1'048'576);
  CHECK(limits::event_size_bytes_max == 16'777'216);
  CHECK(limits::dispatch_keys_max == 256);
  CHECK(limits::batch_events_max == 1024);
  CHECK(limits::batch_bytes_max == 1'048'576);
  CHECK(limits::keys_per_node_max == 250'000);
  CHECK(limits::ring_bytes == 67'108'864);
  CHECK(limits::window_bytes == 8'388'608);
  CHECK(limits::notify_wait == std::chrono::milliseconds{100});
  CHECK(limits::inbox_bytes == 33'554'432);
  CHECK(limits::async_dispatches_max == 65'536);
  CHECK(limits::async_bytes_max == 67'108'864);
  CHECK(limits::nesting_depth_max == 16);
  CHECK(limits::pool_threads_max == 64);
  CHECK(limits::members_max == 64);
  CHECK(limits::drain == std::chrono::seconds{10});
  CHECK(limits::headers_max == 32);
  CHECK(limits::headers_bytes_max == 8192);
  CHECK(limits::event_envelope_bytes_max == 66'209);
  CHECK(limits::frame_overhead_bytes == 67'584);
}
