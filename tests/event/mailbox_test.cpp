#include <type_traits>

#include <catch2/catch.hpp>

#include <evmesh/mailbox.hpp>

#include "event/mailbox_fields.hpp"
#include "event/mailbox_types.hpp"
#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::mailbox;
using namespace evmesh::test;

namespace {

template <class T>
inline constexpr bool is_required = false;
template <class T>
inline constexpr bool is_required<Required<T>> = true;

/// Members that James demands and that yet have a default: an id is made up, and an empty set, list or table
/// is a value.
template <class T>
inline constexpr bool may_default =
    std::same_as<T, EventId> || std::same_as<T, SystemFlags> || std::same_as<T, std::set<std::string>> ||
    std::same_as<T, AclEntries> || std::same_as<T, std::map<QuotaScope, std::optional<std::int64_t>>>;

/// Does not compile when a mandatory member could be forgotten.
struct MandatoryIsRequired {
  template <class T>
  void member(std::string_view, const T&) {
    static_assert(is_required<T> || may_default<T>);
    if constexpr (is_required<T>) ++required;
  }
  template <class T>
  void user(std::string_view, const T&) {
    if constexpr (is_required<T>) ++required;
  }
  template <class T>
  void optional(std::string_view, const std::optional<T>&) {}
  template <class T>
  void nullable(std::string_view, const std::optional<T>&) {}
  void extras(const Extras&) {}

  int required = 0;
};

template <class T>
int required_members() {
  MandatoryIsRequired visitor;
  const T blank = event::Blank::make<T>();
  event::describe(visitor, blank);
  return visitor.required;
}

static_assert(!std::is_default_constructible_v<Required<std::string>>);
static_assert(!std::is_default_constructible_v<MailboxAdded>);
static_assert(!std::is_default_constructible_v<Added>);
static_assert(!std::is_default_constructible_v<MailboxPath>);
static_assert(!std::is_default_constructible_v<Unset>, "only the decoders make one");
static_assert(!std::is_convertible_v<double, Required<std::uint64_t>>, "a fraction would be cut");
static_assert(!std::is_convertible_v<const char*, Required<bool>>, "a text is no truth value");

std::vector<std::string> keys(const MailboxEvent& event) {
  const auto made = registration_keys(event);
  std::vector<std::string> texts;
  for (const RegistrationKey& key : *made) texts.push_back(key.to_string());
  return texts;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("all that James demands of an event is a Required member", "[mailbox]") {
  CHECK(required_members<MailboxAdded>() == 4);
  CHECK(required_members<MailboxDeletion>() == 7);
  CHECK(required_members<MailboxRenamed>() == 5);
  CHECK(required_members<MailboxACLUpdated>() == 5);
  CHECK(required_members<MailboxSubscribed>() == 4);
  CHECK(required_members<MailboxUnsubscribed>() == 4);
  CHECK(required_members<Added>() == 5);
  CHECK(required_members<Expunged>() == 5);
  CHECK(required_members<FlagsUpdated>() == 5);
  CHECK(required_members<MessageMove>() == 4);
  CHECK(required_members<QuotaUsageUpdated>() == 5);
  CHECK(required_members<MessageContentDeletion>() == 7);
  CHECK(required_members<MessageMetaData>() == 6);
  CHECK(required_members<UpdatedFlags>() == 4);
}

TEST_CASE("the type names are the discriminators of James", "[mailbox]") {
  const auto name = [](const MailboxEvent& event) { return std::string(type_name(event)); };
  const MailboxPath path = inbox();
  const Flags none;

  CHECK(name(mailbox_added()) == "MailboxAdded");
  CHECK(name(MailboxSubscribed{.user = "a", .session_id = 1, .path = path, .mailbox_id = "1"}) ==
        "MailboxSubscribedEvent");
  CHECK(name(MailboxUnsubscribed{.user = "a", .session_id = 1, .path = path, .mailbox_id = "1"}) ==
        "MailboxUnSubscribedEvent");
  CHECK(name(added({})) == "Added");
  CHECK(name(move({}, {})) == "MessageMoveEvent");
  CHECK(name(quota()) == "QuotaUsageUpdatedEvent");
  CHECK(name(content_deletion()) == "MessageContentDeletionEvent");
  CHECK(is_mailbox_type("FlagsUpdated"));
  CHECK_FALSE(is_mailbox_type("flagsUpdated"));
  CHECK_FALSE(is_mailbox_type(""));
}

TEST_CASE("a mailbox that was created, deleted or subscribed is never a no-op", "[mailbox][noop]") {
  CHECK_FALSE(noop(mailbox_added()));
  CHECK_FALSE(noop(MailboxDeletion{.user = "a",
                                   .session_id = 1,
                                   .path = inbox(),
                                   .mailbox_id = "1",
                                   .quota_root = "q",
                                   .deleted_message_count = 0,
                                   .total_deleted_size = 0}));
  CHECK_FALSE(noop(MailboxSubscribed{.user = "a", .session_id = 1, .path = inbox(), .mailbox_id = "1"}));
  CHECK_FALSE(noop(MailboxUnsubscribed{.user = "a", .session_id = 1, .path = inbox(), .mailbox_id = "1"}));
  CHECK_FALSE(noop(quota()));
  CHECK_FALSE(noop(content_deletion()));
}

TEST_CASE("a rename is a no-op when both paths are the same", "[mailbox][noop]") {
  const auto renamed = [](const char* to) {
    return MailboxRenamed{.user = "alice",
                          .session_id = 1,
                          .path = inbox(),
                          .mailbox_id = "1",
                          .new_path = MailboxPath::personal("alice", to)};
  };

  CHECK(noop(renamed("INBOX")));
  CHECK_FALSE(noop(renamed("Archive")));
}

TEST_CASE("an access list change is a no-op when both lists are the same", "[mailbox][noop]") {
  const auto updated = [](AclEntries before, AclEntries after) {
    return MailboxACLUpdated{.user = "a",
                             .session_id = 1,
                             .path = inbox(),
                             .mailbox_id = "1",
                             .acl_diff = AclDiff{.old_acl = std::move(before), .new_acl = std::move(after)}};
  };

  CHECK(noop(updated({{"bob", "lr"}}, {{"bob", "lr"}})));
  CHECK_FALSE(noop(updated({{"bob", "lr"}}, {{"bob", "l"}})));
}

TEST_CASE("additions, expunges and moves without messages are no-ops", "[mailbox][noop]") {
  const auto expunged = [](Messages messages) {
    return Expunged{
        .user = "a", .session_id = 1, .path = inbox(), .mailbox_id = "1", .expunged = std::move(messages)};
  };

  CHECK(noop(added({})));
  CHECK_FALSE(noop(added(by_uid({message(11)}))));
  CHECK(noop(expunged({})));
  CHECK_FALSE(noop(expunged(by_uid({message(11)}))));
  CHECK(noop(move({"30"}, {"33"}, {})));
  CHECK_FALSE(noop(move({"30"}, {"33"}, {"m-11"})));
}

TEST_CASE("a flag update is a no-op when no message's flags changed", "[mailbox][noop]") {
  const auto updated = [](std::vector<UpdatedFlags> updates) {
    return FlagsUpdated{.user = "a",
                        .session_id = 1,
                        .path = inbox(),
                        .mailbox_id = "1",
                        .updated_flags = std::move(updates)};
  };
  const Flags seen{.system = {SystemFlag::seen}}, labelled{.user = {"$Label1"}}, none;

  CHECK(noop(updated({})));
  CHECK(noop(updated({update(seen, seen), update(none, none)})));
  CHECK_FALSE(noop(updated({update(seen, seen), update(none, seen)})));
  CHECK_FALSE(noop(updated({update(labelled, none)})));
}

TEST_CASE("mailbox events are dispatched to the key of their mailbox", "[mailbox][keys]") {
  CHECK(keys(mailbox_added()) == Keys{"MailboxId:31"});
  CHECK(keys(added(by_uid({message(11)}))) == Keys{"MailboxId:30"});
}

TEST_CASE("a move goes to every mailbox that gained or lost the messages, sorted, once each",
          "[mailbox][keys]") {
  CHECK(keys(move({"30"}, {"33"})) == Keys{"MailboxId:30", "MailboxId:33"});
  CHECK(keys(move({"9", "30", "9"}, {"33", "30"})) == Keys{"MailboxId:33", "MailboxId:9"});
  CHECK(keys(move({}, {})) == Keys{});
}

TEST_CASE("quota and content deletion events have no key", "[mailbox][keys]") {
  CHECK(keys(quota()) == Keys{});
  CHECK(keys(content_deletion()) == Keys{});
}

TEST_CASE("a mailbox id that makes no key is an error", "[mailbox][keys]") {
  MailboxAdded event = mailbox_added();
  event.mailbox_id = std::string(300, 'x');

  const auto made = registration_keys(event);

  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("make_event takes id, type and user from the mailbox event", "[mailbox]") {
  MailboxAdded given = mailbox_added();
  given.user = "Alice@Example.ORG";
  given.path = MailboxPath::personal("ALICE", "INBOX");

  const Event event = make_event(given);

  CHECK(event.id() == id());
  CHECK(event.type() == "MailboxAdded");
  CHECK(event.user() == "alice@example.org");
  CHECK(std::get<MailboxAdded>(*peek(event)).user == "alice@example.org");
  CHECK(*std::get<MailboxAdded>(*peek(event)).path->user == "alice");
  CHECK_FALSE(event.noop());
  CHECK(make_event(added({})).noop());
}

TEST_CASE("make_event gives a fresh id to event and body alike when there is none", "[mailbox]") {
  MailboxAdded given = mailbox_added();
  given.event_id = {};

  const Event event = make_event(given);

  CHECK_FALSE(event.id().nil());
  CHECK(std::get<MailboxAdded>(*peek(event)).event_id == event.id());
}

TEST_CASE("a quota event happened at its own time unless another is given", "[mailbox]") {
  CHECK(make_event(quota()).time() == Timestamp(std::chrono::seconds(1'709'285'460)));
  CHECK(make_event(quota(), {.time = Timestamp(std::chrono::seconds(5))}).time() ==
        Timestamp(std::chrono::seconds(5)));
}

TEST_CASE("from_event gives back what the event was made from, all members counting", "[mailbox]") {
  const MailboxSubscribed given{
      .user = "alice", .session_id = 7, .path = inbox(), .mailbox_id = "31", .event_id = id()};
  MailboxSubscribed other = given;
  other.session_id = 8;

  CHECK(*from_event(make_event(given)) == MailboxEvent(given));
  CHECK_FALSE(*from_event(make_event(given)) == MailboxEvent(other));
  CHECK_FALSE(MailboxEvent(given) ==
              MailboxEvent(MailboxUnsubscribed{
                  .user = "alice", .session_id = 7, .path = inbox(), .mailbox_id = "31", .event_id = id()}));
}

TEST_CASE("from_event names a type that is not of the family", "[mailbox]") {
  const auto value = from_event(received("Weather", PayloadFormat::json, "{}"));

  REQUIRE_FALSE(value);
  CHECK(value.error().code == ErrorCode::undecodable);
  CHECK(value.error().message == "\"Weather\" is no type of mailbox event");
}

TEST_CASE("from_event refuses a payload of another type than the event's", "[mailbox]") {
  const std::string payload = *encode_json(make_event(mailbox_added()));

  const auto value = from_event(received("MailboxSubscribedEvent", PayloadFormat::json, payload));

  REQUIRE_FALSE(value);
  CHECK(value.error().message ==
        "the event is of type \"MailboxSubscribedEvent\", its payload of type \"MailboxAdded\"");
}

TEST_CASE("from_event refuses raw bytes under a mailbox type", "[mailbox]") {
  const auto value = from_event(received("Added", PayloadFormat::raw, "x"));

  REQUIRE_FALSE(value);
  CHECK(value.error().message == "\"Added\" has a payload of the application's own making");
}

TEST_CASE("absent members of old events mean what James reads into them", "[mailbox]") {
  Added old = added({});
  Added told = old;
  told.is_delivery = true;
  told.is_appended = false;
  MessageMetaData threaded = message(11);
  threaded.thread_id = "t-4";

  CHECK_FALSE(old.delivery());
  CHECK(old.appended());
  CHECK(told.delivery());
  CHECK_FALSE(told.appended());
  CHECK(message(11).thread() == "m-11");
  CHECK(threaded.thread() == "t-4");
}

TEST_CASE("of two messages with one uid the last stays", "[mailbox]") {
  MessageMetaData first = message(11), second = message(11);
  second.message_id = "other";

  const Messages messages = by_uid({first, second, message(12)});

  CHECK(messages.size() == 2);
  CHECK(messages.at(11).message_id == "other");
}
