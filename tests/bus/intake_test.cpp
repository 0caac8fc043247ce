#include "bus/intake.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::bus;

namespace {

class Nobody final : public routing::ListenerLookup {
 public:
  void match(std::size_t, std::span<const std::string_view>, std::vector<routing::Match>&) const override {}
  void everyone(std::size_t, std::vector<routing::Match>&) const override {}
};

/// A node of two buses without peers, which has not joined yet, so that every event is needed.
struct Setting {
  static CoreOptions options() {
    CoreOptions options;
    options.membership.self.epoch = 1;
    options.routing.self.epoch = 1;
    options.routing.buses = {"first", "second"};
    return options;
  }

  Nobody nobody;
  Intake intake;
  MeshCore core{options(), nobody, intake};

  Setting() { intake.serve(core, 2); }

  std::uint64_t add(std::size_t bus, std::size_t bytes = 100) {
    const auto taking = intake.lock_up();
    return intake.add(bus, std::string(bytes, 'x'), std::vector<std::uint64_t>{7}).seq;
  }
  [[nodiscard]] bool calls_engine() {
    const auto taking = intake.lock_up();
    return intake.call_engine();
  }
  [[nodiscard]] std::uint64_t head(std::size_t bus) const { return core.routing().outbound(bus).head(); }
};

}  // namespace

TEST_CASE("each bus has its own numbers, and the core gets the events in their order", "[bus][intake]") {
  Setting it;

  CHECK(it.add(0) == 1);
  CHECK(it.add(0) == 2);
  CHECK(it.add(1) == 1);
  CHECK(it.head(0) == 0);

  it.intake.drain({});
  CHECK(it.head(0) == 2);
  CHECK(it.head(1) == 1);
  CHECK(it.add(0) == 3);
}

TEST_CASE("before the core changes what peers want it has all that was numbered before", "[bus][intake]") {
  Setting it;
  it.add(0);
  it.add(0);
  {
    const auto taking = it.intake.lock_up();
    CHECK(it.intake.needed(0, std::vector<std::uint64_t>{7}));
  }

  it.core.stop_waiting();

  CHECK(it.head(0) == 2);
  const auto taking = it.intake.lock_up();
  CHECK_FALSE(it.intake.needed(0, std::vector<std::uint64_t>{7}));
}

TEST_CASE("an event that nobody needs gets a number, and calls nobody", "[bus][intake]") {
  Setting it;
  REQUIRE(it.intake.fall_asleep());

  CHECK(it.add(0, 0) == 1);

  CHECK_FALSE(it.calls_engine());
  it.intake.drain({});
  CHECK(it.core.counters().at("evmesh_stream_events_not_encoded_total") == 1);
}

TEST_CASE("the first event that a sleeping engine is to send calls it, and then what is too much", "[bus][intake]") {
  Setting it;
  it.add(0);
  CHECK_FALSE(it.calls_engine());  // it is awake, and looks before it sleeps
  CHECK_FALSE(it.intake.fall_asleep());
  it.intake.drain_for_sending({});
  REQUIRE(it.intake.fall_asleep());

  it.add(0);
  CHECK(it.calls_engine());
  it.add(0);
  CHECK_FALSE(it.calls_engine());
  CHECK_FALSE(it.intake.crowded());
  it.add(0, Intake::crowded_bytes);
  CHECK(it.calls_engine());
  CHECK(it.intake.crowded());

  it.intake.drain_for_sending({});
  CHECK_FALSE(it.intake.crowded());
  it.add(0);
  CHECK(it.calls_engine());
}

TEST_CASE("what waits for an engine that is awake has a bound", "[bus][intake]") {
  Setting it;

  it.add(0, 1 << 19);
  CHECK_FALSE(it.calls_engine());
  it.add(0, 1 << 19);
  CHECK(it.calls_engine());
}

TEST_CASE("a closed intake says so", "[bus][intake]") {
  Setting it;
  CHECK_FALSE(it.intake.closed());

  it.intake.close();

  CHECK(it.intake.closed());
}
