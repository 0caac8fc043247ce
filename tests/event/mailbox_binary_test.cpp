#include <sstream>

#include <catch2/catch.hpp>
#include <cereal/archives/portable_binary.hpp>
#include <cereal/types/string.hpp>

#include <evmesh/mailbox.hpp>

#include "allocation.hpp"
#include "event/binary_archive.hpp"
#include "event/mailbox_binary.hpp"
#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::event;
using namespace evmesh::mailbox;
using namespace evmesh::test;

namespace {

std::string binary(const MailboxEvent& event) {
  std::string out;
  append_mailbox_binary(out, event);
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += {digits[static_cast<std::uint8_t>(c) >> 4], digits[static_cast<std::uint8_t>(c) & 15]};
  }
  return out;
}

std::string bytes(std::string_view digits) {
  std::string out;
  for (std::size_t at = 0; at < digits.size(); at += 2) {
    out += static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16));
  }
  return out;
}

std::string refusal(std::string_view from) {
  const auto event = decode_mailbox_binary(from);
  if (event) return "";
  CHECK(event.error().code == ErrorCode::undecodable);
  return event.error().message;
}

/// `whole` with the bytes at `at` replaced.
std::string patched(std::string whole, std::size_t at, std::string_view by) {
  return whole.replace(at, by.size(), by);
}

std::string count(std::uint64_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

// Version, type, endianness, id, session, user, then what the type adds; a text is its length in 8 bytes and
// its bytes.
constexpr std::string_view mailbox_added_hex =
    "010101"
    "0b8f5c1e4a5d4f0e9a3e2b7f6f7d1c01"
    "0700000000000000"
    "0500000000000000616c696365"
    "000800000000000000"
    "2370726976617465"
    "000500000000000000"
    "616c696365"
    "0500000000000000"
    "494e424f58"
    "0000000000000000"
    "0200000000000000"
    "3331"
    "0000000000000000";

}  // namespace

TEST_CASE("a mailbox event has these bytes, for ever", "[mailbox][binary]") {
  CHECK(hex(binary(mailbox_added())) == mailbox_added_hex);
  CHECK(*decode_mailbox_binary(bytes(mailbox_added_hex)) == MailboxEvent(mailbox_added()));
}

TEST_CASE("messages have these bytes, for ever", "[mailbox][binary]") {
  const std::string expected =
      "010701"
      "0b8f5c1e4a5d4f0e9a3e2b7f6f7d1c01"
      "0700000000000000"
      "0500000000000000616c696365"
      "0008000000000000002370726976617465"
      "000500000000000000616c696365"
      "0500000000000000494e424f58"
      "0000000000000000"
      "02000000000000003330"
      "0100000000000000"  // one message
      "0b00000000000000"
      "0b00000000000000"
      "6500000000000000"  // key, uid, mod-seq
      "10"
      "0100000000000000"
      "0700000000000000244c6162656c31"
      "0000000000000000"  // Recent, one user flag, extras
      "0008000000000000"
      "80a2a9ed039ab817"
      "01"  // size, internal date, no save date
      "04000000000000006d2d3131"
      "01"
      "0000000000000000"  // message id, no thread, extras
      "01"
      "01"
      "01"
      "0000000000000000";  // not told: delivery, appended, moved from

  CHECK(hex(binary(added(by_uid({message(11)})))) == expected);
  CHECK(*decode_mailbox_binary(bytes(expected)) == MailboxEvent(added(by_uid({message(11)}))));
}

TEST_CASE("quota, move and content deletion have these bytes, for ever", "[mailbox][binary]") {
  CHECK(hex(binary(quota())) ==
        "010b010b8f5c1e4a5d4f0e9a3e2b7f6f7d1c010500000000000000616c6963650e0000000000000023707269766174652661"
        "6c6963650c00000000"
        "0000000064000000000000000100000000000000000064000000000000000000000000000000d20400000000000001000000"
        "000000000000000000"
        "0000000000480ad7119ab8170000000000000000");
  CHECK(hex(binary(move({"30"}, {"33"}))) ==
        "010a010b8f5c1e4a5d4f0e9a3e2b7f6f7d1c010500000000000000616c696365010000000000000002000000000000003330"
        "0100000000000000"
        "02000000000000003333010000000000000004000000000000006d2d31310000000000000000");
  CHECK(hex(binary(content_deletion())) ==
        "010c010b8f5c1e4a5d4f0e9a3e2b7f6f7d1c010500000000000000616c696365020000000000000033300104000000000000"
        "006d2d3131000800"
        "000000000000f0c2de039ab817010101010400000000000000622d3131010000000000000000");
}

TEST_CASE("after the version and the type stock cereal reads the bytes", "[mailbox][binary]") {
  std::istringstream stream(binary(mailbox_added()).substr(2));
  cereal::PortableBinaryInputArchive archive(stream);
  std::array<std::uint8_t, 16> id{};
  std::int64_t session = 0;
  std::string user;

  archive(cereal::binary_data(id.data(), id.size()), session, user);

  CHECK(id == test::id().bytes);
  CHECK(session == 7);
  CHECK(user == "alice");
}

TEST_CASE("every beginning of a payload is refused", "[mailbox][binary]") {
  const std::string whole = binary(added(by_uid({message(11), message(12)})));

  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO(length);
    CHECK_FALSE(decode_mailbox_binary(whole.substr(0, length)));
  }
}

TEST_CASE("wrong framing is refused by name", "[mailbox][binary]") {
  const std::string whole = binary(mailbox_added());

  CHECK(refusal("\x01") == "binary mailbox event: it is too short to name its version and type");
  CHECK(refusal(patched(whole, 0, "\x02")) ==
        "binary mailbox event: it has format version 2, this build reads 1");
  CHECK(refusal(patched(whole, 1, "\x0d")) ==
        "binary mailbox event: it has the type number 13, this build knows 1 to 12");
  CHECK(refusal(patched(whole, 1, std::string(1, '\0'))) ==
        "binary mailbox event: it has the type number 0, this build knows 1 to 12");
  CHECK(refusal(patched(whole, 2, std::string(1, '\0'))) == "binary mailbox event: it is not little-endian");
  CHECK(refusal(whole + "x") == "binary mailbox event: 1 bytes follow its end");
}

TEST_CASE("counts are checked against the bytes that are left, before anything is made room for",
          "[mailbox][binary]") {
  const std::string whole = binary(move({"30"}, {"33"}));
  const std::size_t first_list = 3 + 16 + 8 + 5;

  const Allocations allocations;
  const std::string huge = refusal(patched(whole, first_list, count(std::uint64_t{1} << 61)));
  const std::string tight = refusal(patched(whole, first_list, count(9)));

  CHECK(huge == "binary mailbox event: it announces 2305843009213693952 items where 56 bytes are left");
  CHECK(tight == "binary mailbox event: it announces 9 items where 56 bytes are left");
  CHECK(allocations.peak_bytes() < 8192);
}

TEST_CASE("values out of range are refused", "[mailbox][binary]") {
  const std::string event = binary(added(by_uid({message(11)})));
  const std::size_t flags = event.find("$Label1") - 17;
  const std::string tail = event.substr(0, event.size() - 11);

  CHECK(refusal(patched(event, flags, "\x40")) == "binary mailbox event: unknown system flags 64");
  CHECK(refusal(patched(event, event.size() - 11, "\x07")) == "binary mailbox event: a boolean is 7");
  CHECK(refusal(patched(event, event.find("INBOX"), "\xff")) ==
        "binary mailbox event: a text is not UTF-8: \"\\xffNBOX\"");
}

TEST_CASE("sets and maps have one order", "[mailbox][binary]") {
  Added two = added(by_uid({message(11), message(12)}));
  std::string event = binary(two);
  const std::size_t first_uid = event.find(count(2) + count(11)) + 8;

  CHECK(refusal(patched(event, first_uid, count(12))) == "binary mailbox event: a map is out of order");
}

TEST_CASE("an unknown quota scope is refused", "[mailbox][binary]") {
  const std::string event = binary(quota());
  const std::size_t scope = event.find(count(12)) + 8 + 9 + 8;

  CHECK(refusal(patched(event, scope, "\x03")) == "binary mailbox event: unknown quota scope 3");
}

TEST_CASE("unknown members that would break the JSON are refused", "[mailbox][binary]") {
  MailboxAdded forged = mailbox_added();
  forged.extras.json = R"("user":"eve")";
  MailboxAdded broken = mailbox_added();
  broken.extras.json = R"("a":1},"b":{)";

  CHECK(refusal(binary(forged)) ==
        "binary mailbox event: MailboxAdded: member \"user\" stands again among the unknown members");
  CHECK_FALSE(decode_mailbox_binary(binary(broken)));
}

TEST_CASE("user names come in lower case from the binary form too", "[mailbox][binary]") {
  MailboxAdded shouted = mailbox_added();
  shouted.user = "ALICE";

  CHECK(std::get<MailboxAdded>(*decode_mailbox_binary(binary(shouted))).user == "alice");
}

TEST_CASE("the least sizes that counts are checked against are those of empty values", "[mailbox][binary]") {
  const auto size = [](const auto& value) {
    std::string out;
    BinaryOutput archive(out);
    archive(value);
    return out.size() - 1;
  };

  CHECK(size(std::string()) == least_bytes<std::string>);
  CHECK(size(Blank::make<MessageMetaData>()) == least_bytes<MessageMetaData>);
  CHECK(size(Blank::make<UpdatedFlags>()) == least_bytes<UpdatedFlags>);
}

TEST_CASE("nesting and the budget end at their bounds", "[mailbox][binary]") {
  BinaryInput in("\x01");
  Budget budget(10);

  const BinaryInput::Nesting one(in), two(in), three(in), four(in), five(in), six(in), seven(in), eight(in);
  CHECK_THROWS_AS(BinaryInput::Nesting(in), Undecodable);
  CHECK_NOTHROW(budget.take(80 + 65536));
  CHECK_THROWS_AS(budget.take(1), Undecodable);
}

TEST_CASE("decoding allocates at most 8 bytes per byte and 64 KiB, honest and hostile input alike",
          "[mailbox][binary]") {
  Messages many;
  for (Uid uid = 1; uid <= 3000; ++uid) many.emplace(uid, message(uid));
  Messages empty;
  for (Uid uid = 1; uid <= 3000; ++uid) empty.emplace(uid, Blank::make<MessageMetaData>());
  MailboxACLUpdated acl{.user = "a",
                        .session_id = 1,
                        .path = inbox(),
                        .mailbox_id = "1",
                        .acl_diff = AclDiff{.old_acl = AclEntries{}, .new_acl = AclEntries{}}};
  for (int i = 0; i < 5000; ++i) acl.acl_diff.get().new_acl.get()["u" + std::to_string(i)] = "lr";
  MessageContentDeletion flags = content_deletion();
  flags.flags.emplace();
  for (int i = 0; i < 5000; ++i) flags.flags->user.insert(std::to_string(i));
  const std::vector<UpdatedFlags> blank(4000, Blank::make<UpdatedFlags>());
  const FlagsUpdated updated{
      .user = "a", .session_id = 1, .path = inbox(), .mailbox_id = "1", .updated_flags = blank};

  for (const MailboxEvent& event :
       {MailboxEvent(added(many)), MailboxEvent(added(empty)), MailboxEvent(acl), MailboxEvent(flags),
        MailboxEvent(updated), MailboxEvent(move(std::vector<std::string>(20'000, ""), {}))}) {
    const std::string payload = binary(event);
    INFO(type_name(event) << ", " << payload.size() << " bytes");

    const Allocations allocations;
    const bool decoded = decode_mailbox_binary(payload).has_value();

    CHECK(allocations.total_bytes() <= 8 * payload.size() + 64 * 1024);
    CHECK(decoded);
  }
}
