#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>

#include <evmesh/codec.hpp>
#include <evmesh/mailbox.hpp>

#include "allocation.hpp"
#include "event/json_text.hpp"
#include "event/json_view.hpp"
#include "event/mailbox_binary.hpp"
#include "event/mailbox_check.hpp"
#include "event/mailbox_json.hpp"
#include "generators.hpp"

using namespace evmesh;
using namespace evmesh::event;
using namespace evmesh::test;

namespace {

std::string binary(const mailbox::MailboxEvent& event) {
  std::string out;
  append_mailbox_binary(out, event);
  return out;
}

std::string json(const mailbox::MailboxEvent& event) {
  std::string out;
  append_mailbox_json(out, event);
  return out;
}

/// A few bytes changed, put in or taken out.
std::string mutated(std::string bytes) {
  const int changes = *rc::gen::inRange(1, 5);
  for (int i = 0; i < changes && !bytes.empty(); ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    const char byte =
        *rc::gen::oneOf(rc::gen::arbitrary<char>(), rc::gen::element('"', '{', '}', '[', ',', '\\', '\xff'));
    switch (*rc::gen::inRange(0, 3)) {
      case 0: bytes[at] = byte; break;
      case 1: bytes.insert(at, 1, byte); break;
      default: bytes.erase(at, *rc::gen::inRange<std::size_t>(1, 9)); break;
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("any mailbox event survives both codecs", "[mailbox][property]") {
  rc::prop("binary", [] {
    const auto event = *any_mailbox_event();
    RC_ASSERT(check_mailbox_event(event).has_value());
    const auto decoded = decode_mailbox_binary(binary(event));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == event);
  });
  rc::prop("json", [] {
    const auto event = *any_mailbox_event();
    const auto decoded = decode_mailbox_json(json(event));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == event);
  });
  rc::prop("the view of tools", [] {
    mailbox::MailboxEvent value = *any_mailbox_event();
    std::visit([](auto& inner) { inner.user = "user"; }, value);
    const Event event = mailbox::make_event(value);
    const auto posted = from_json_view(R"([{"type":"T"},)" + to_json_view(event) + "]");
    if (!mailbox::registration_keys(value)) return;  // an id with a control character makes no key
    RC_ASSERT(posted.has_value());
    RC_ASSERT(posted->at(1).event == event);
  });
}

TEST_CASE("mutated payloads never cost more than their size allows, and what decodes is sound",
          "[mailbox][property]") {
  rc::prop("binary", [] {
    const std::string bytes = mutated(binary(*any_mailbox_event()));
    const Allocations allocations;
    const auto decoded = decode_mailbox_binary(bytes);
    RC_ASSERT(allocations.total_bytes() <= 8 * bytes.size() + 64 * 1024);
    if (decoded) RC_ASSERT(*decode_mailbox_json(json(*decoded)) == *decoded);
  });
  rc::prop("json", [] {
    const std::string text = mutated(json(*any_mailbox_event()));
    const Allocations allocations;
    const auto decoded = decode_mailbox_json(text);
    RC_ASSERT(allocations.peak_bytes() <= 8 * text.size() + 64 * 1024);
    if (decoded) RC_ASSERT(*decode_mailbox_binary(binary(*decoded)) == *decoded);
  });
  rc::prop("the view of tools", [] {
    const std::string text = mutated(to_json_view(mailbox::make_event(*any_mailbox_event())));
    (void)from_json_view(text);
  });
}

TEST_CASE("JSON built to be large in memory is refused or cheap", "[json][property]") {
  const auto repeat = [](std::string_view piece, std::size_t times, std::string end) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += piece;
    return text + std::move(end);
  };
  std::string members, flags;
  for (int i = 0; i < 50'000; ++i) {
    members += "\"" + std::to_string(i) + "\":0,";
    flags += "\"" + std::to_string(i) + "\",";
  }
  const std::string move =
      R"({"MessageMoveEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","user":"a",)"
      R"("targetMailboxIds":[],"messageIds":[],"previousMailboxIds":)";
  const std::string deletion = R"({"MessageContentDeletionEvent":{"flags":{"systemFlags":[],"userFlags":[)";

  for (const std::string& text :
       {repeat("0,", 200'000, ""), "[" + repeat("0,", 200'000, "0]"), "[" + repeat("[],", 200'000, "0]"),
        "\"" + repeat("\\n", 200'000, "\""), "{" + members + "\"x\":0}",
        R"({"Added":{)" + members + "\"x\":0}}", move + "[" + repeat("\"\",", 200'000, "\"\"]}}"),
        deletion + flags + "\"x\"]}}}",
        R"({"F":)" + repeat("[", 31, "") + repeat("{},", 100'000, "0") + repeat("]", 31, "}")}) {
    INFO(text.substr(0, 120) << " ... " << text.size() << " bytes");

    const Allocations allocations;
    const auto decoded = mailbox::decode_json(text);

    CHECK(allocations.peak_bytes() <= 8 * text.size() + 64 * 1024);
  }
}
