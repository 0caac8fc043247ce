#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/mailbox.hpp>

#include "base/text.hpp"
#include "event/budget.hpp"
#include "event/instant.hpp"
#include "event/mailbox_check.hpp"
#include "event/mailbox_fields.hpp"
#include "event/mailbox_json.hpp"
#include "event/mailbox_types.hpp"

namespace evmesh::event {
namespace {

/// Where decoding stands, for error messages, and what it may still allocate.
class Context {
 public:
  explicit Context(std::size_t input_bytes) : budget(input_bytes) {}

  [[noreturn]] void refuse(std::string_view what) const {
    throw Undecodable{"member " + base::quoted(path_) + " " + std::string(what)};
  }

  /// Makes `name` the end of the path while it lives.
  class Step {
   public:
    Step(Context& context, std::string_view name) : context_(context), length_(context.path_.size()) {
      if (length_ > 0) context.path_ += '.';
      context.path_ += name;
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() { context_.path_.resize(length_); }

   private:
    Context& context_;
    std::size_t length_;
  };

  Budget budget;

 private:
  std::string path_;
};

void expect(const Context& context, JsonView json, JsonKind kind) {
  if (json.kind() == kind) return;
  context.refuse("must be " + std::string(to_string(kind)) + ", not " + std::string(to_string(json.kind())));
}

void read(Context& context, JsonView json, std::string& value) {
  expect(context, json, JsonKind::string);
  context.budget.take_text(json.text().size());
  value = json.string();
}

void read(Context& context, JsonView json, bool& value) {
  expect(context, json, JsonKind::boolean);
  value = json.text() == "true";
}

template <std::integral T>
void read(Context& context, JsonView json, T& value) {
  expect(context, json, JsonKind::number);
  const std::string_view text = json.text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return;
  context.refuse("must be a whole number of 64 bits" +
                 std::string(std::unsigned_integral<T> ? ", not negative" : "") + ", not " +
                 base::escaped(text));
}

void read(Context& context, JsonView json, EventId& value) {
  expect(context, json, JsonKind::string);
  const auto id = EventId::parse(json.string());
  if (!id) context.refuse("must be a UUID, not " + base::quoted(json.string()));
  value = *id;
}

void read(Context& context, JsonView json, mailbox::Instant& value) {
  expect(context, json, JsonKind::string);
  const auto instant = parse_instant(json.string());
  if (!instant) {
    context.refuse("must be a UTC time such as 2024-03-01T09:30:00Z between 1677 and 2262, not " +
                   base::quoted(json.string()));
  }
  value = *instant;
}

template <class Enum>
Enum read_name(Context& context, std::string_view text, Enum last) {
  for (unsigned i = 0; i <= static_cast<unsigned>(last); ++i) {
    if (mailbox::to_string(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  }
  context.refuse("does not know " + base::quoted(text));
}

/// Calls `use` for each element, with its place in the path.
template <class Use>
void for_each_element(Context& context, JsonView json, Use use) {
  expect(context, json, JsonKind::array);
  std::size_t index = 0;
  for (JsonItems items(json); items.next(); ++index) {
    const Context::Step step(context, std::to_string(index));
    use(items.value());
  }
}

template <class Use>
void for_each_member(Context& context, JsonView json, Use use) {
  expect(context, json, JsonKind::object);
  for (JsonItems items(json); items.next();) {
    const std::string name = items.name();
    const Context::Step step(context, name);
    use(name, items.value());
  }
}

void read(Context& context, JsonView json, mailbox::SystemFlags& value) {
  for_each_element(context, json, [&](JsonView element) {
    expect(context, element, JsonKind::string);
    value.insert(read_name(context, element.string(), mailbox::SystemFlag::seen));
  });
}

void read(Context& context, JsonView json, std::set<std::string>& values) {
  for_each_element(context, json, [&](JsonView element) {
    context.budget.take(tree_node_bytes + sizeof(std::string));
    std::string value;
    read(context, element, value);
    values.insert(std::move(value));
  });
}

void read(Context& context, JsonView json, mailbox::AclEntries& entries) {
  for_each_member(context, json, [&](const std::string& who, JsonView rights) {
    context.budget.take(tree_node_bytes + sizeof(mailbox::AclEntries::value_type));
    context.budget.take_text(who.size());
    read(context, rights, entries[who]);
  });
}

void read(Context& context, JsonView json,
          std::map<mailbox::QuotaScope, std::optional<std::int64_t>>& limits) {
  for_each_member(context, json, [&](const std::string& name, JsonView limit) {
    auto& value = limits[read_name(context, name, mailbox::QuotaScope::user)];
    if (limit.kind() != JsonKind::null) read(context, limit, value.emplace());
  });
}

template <class T>
void read(Context& context, JsonView json, mailbox::Required<T>& value) {
  read(context, json, value.get());
}

template <Described T>
void read(Context& context, JsonView json, T& object);

template <class T>
void read(Context& context, JsonView json, std::vector<T>& values) {
  expect(context, json, JsonKind::array);
  const std::size_t count = json.count();
  context.budget.take(count * sizeof(T));
  values.reserve(count);
  for_each_element(context, json,
                   [&](JsonView element) { read(context, element, values.emplace_back(Blank::make<T>())); });
}

/// A uid as James writes it where a name must stand: decimal, without sign or leading zeros.
mailbox::Uid read_uid(const Context& context, std::string_view name) {
  mailbox::Uid uid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), uid);
  const bool whole = error == std::errc{} && end == name.data() + name.size();
  if (!whole || std::to_string(uid) != name) context.refuse("must be named by a uid, a decimal number");
  return uid;
}

void read(Context& context, JsonView json, mailbox::Messages& messages) {
  for_each_member(context, json, [&](const std::string& name, JsonView message) {
    context.budget.take(tree_node_bytes + sizeof(mailbox::Messages::value_type));
    const auto place =
        messages.emplace(read_uid(context, name), Blank::make<mailbox::MessageMetaData>()).first;
    read(context, message, place->second);
  });
}

/// Gives the members of one object out by name and keeps what nobody asked for.
class MemberReader {
 public:
  MemberReader(Context& context, JsonView json) : context_(context) {
    expect(context, json, JsonKind::object);
    const std::size_t count = json.count();
    context.budget.take(count * sizeof(Entry));
    entries_.reserve(count);
    for (JsonItems items(json); items.next();) entries_.push_back({items.raw_name(), items.value(), false});
  }

  template <class T>
  void member(std::string_view name, T& value) {
    const Context::Step step(context_, name);
    const auto json = take(name);
    if (!json) context_.refuse("is missing");
    read(context_, *json, value);
  }

  /// James reads null as absent here.
  template <class T>
  void optional(std::string_view name, std::optional<T>& value) {
    const Context::Step step(context_, name);
    const auto json = take(name);
    if (json && json->kind() != JsonKind::null) read(context_, *json, value.emplace(Blank::make<T>()));
  }

  template <class T>
  void nullable(std::string_view name, std::optional<T>& value) {
    const Context::Step step(context_, name);
    const auto json = take(name);
    if (!json) context_.refuse("is missing");
    if (json->kind() != JsonKind::null) read(context_, *json, value.emplace());
  }

  void user(std::string_view name, mailbox::Required<std::string>& value) {
    member(name, value);
    lower_case_user(value);
  }
  void user(std::string_view name, std::optional<std::string>& value) {
    optional(name, value);
    lower_case_user(value);
  }

  void extras(mailbox::Extras& extras) {
    for (const Entry& entry : entries_) {
      if (entry.taken) continue;
      const std::string_view name = entry.raw_name;
      const std::string_view value = entry.value.text();
      if (!extras.json.empty()) extras.json += ',';
      context_.budget.take(name.size() + value.size() + 4);
      extras.json.append("\"").append(name).append("\":");
      append_minified(extras.json, value);
    }
  }

 private:
  struct Entry {
    std::string_view raw_name;
    JsonView value;
    bool taken;
  };

  std::optional<JsonView> take(std::string_view name) {
    for (Entry& entry : entries_) {
      if (entry.taken || !json_name_is(entry.raw_name, name)) continue;
      entry.taken = true;
      return entry.value;
    }
    return std::nullopt;
  }

  Context& context_;
  std::vector<Entry> entries_;
};

template <Described T>
void read(Context& context, JsonView json, T& object) {
  MemberReader reader(context, json);
  describe(reader, object);
}

}  // namespace

Result<mailbox::MailboxEvent> decode_mailbox_members(std::size_t type_index, JsonView members) {
  const std::string type(mailbox_type_names[type_index]);
  try {
    Context context(members.text().size());
    mailbox::MailboxEvent event = blank_mailbox_event(type_index);
    std::visit([&](auto& value) { read(context, members, value); }, event);
    if (auto checked = check_mailbox_event(event); !checked) {
      return fail(ErrorCode::undecodable, std::move(checked.error().message));
    }
    return event;
  } catch (const Undecodable& refused) {
    return fail(ErrorCode::undecodable, type + ": " + refused.message);
  }
}

Result<mailbox::MailboxEvent> decode_mailbox_json(std::string_view text) {
  if (auto checked = check_json(text); !checked) return tl::unexpected(std::move(checked.error()));
  const JsonView json(text);
  if (json.kind() != JsonKind::object || json.count() != 1) {
    return fail(ErrorCode::undecodable, "a mailbox event is an object with one member, named by its type");
  }
  JsonItems items(json);
  (void)items.next();
  const auto index = mailbox_type_index(items.name());
  if (!index)
    return fail(ErrorCode::undecodable, base::quoted(items.name()) + " is no type of mailbox event");
  return decode_mailbox_members(*index, items.value());
}

}  // namespace evmesh::event
