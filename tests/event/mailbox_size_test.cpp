#include "event/mailbox_size.hpp"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>

#include "event/mailbox_body.hpp"
#include "event/mailbox_types.hpp"
#include "generators.hpp"
#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::event;
using namespace evmesh::test;

TEST_CASE("no mailbox event is larger than is said beforehand, in neither form", "[mailbox][size]") {
  rc::prop("any event", [] {
    const MailboxBody body(*any_mailbox_event());
    const auto bound = body.encoded_bytes_max();
    RC_ASSERT(bound.has_value());
    RC_ASSERT(body.encode(PayloadFormat::binary).bytes.size() <= *bound);
    RC_ASSERT(body.encode(PayloadFormat::json).bytes.size() <= *bound);
  });
}

TEST_CASE("an event with nothing in it is not larger than is said either", "[mailbox][size]") {
  for (std::size_t index = 0; index < mailbox_type_names.size(); ++index) {
    const MailboxBody body(blank_mailbox_event(index));
    INFO(mailbox_type_names[index]);
    CHECK(body.encode(PayloadFormat::binary).bytes.size() <= body.encoded_bytes_max());
    CHECK(body.encode(PayloadFormat::json).bytes.size() <= body.encoded_bytes_max());
  }
}

TEST_CASE("controls, which are longest when they are escaped, are within what is said", "[mailbox][size]") {
  auto event = mailbox_added();
  event.mailbox_id = std::string(10'000, '\x01');
  const MailboxBody body(event);

  CHECK(body.encode(PayloadFormat::json).bytes.size() > 60'000);
  CHECK(body.encode(PayloadFormat::json).bytes.size() <= body.encoded_bytes_max());
}
