#include <string>

#include <evmesh/codec.hpp>
#include <evmesh/mailbox.hpp>

#include "base/text.hpp"
#include "event/base64.hpp"
#include "event/instant.hpp"
#include "event/json_text.hpp"
#include "event/json_view.hpp"

namespace evmesh::event {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{') out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
}

void append_content(std::string& out, const EncodedPayload& payload) {
  if (payload.format == PayloadFormat::json && check_json(payload.bytes)) {
    out += ",\"payload\":";
    append_minified(out, payload.bytes);
  } else if (base::valid_utf8(payload.bytes)) {
    append_member(out, "text", payload.bytes);
  } else {
    append_member(out, "data_base64", encode_base64(payload.bytes));
  }
}

}  // namespace

std::string to_json_view(const Event& event) {
  std::string out = "{";
  append_member(out, "id", event.id().to_string());
  append_member(out, "type", event.type());
  append_member(out, "user", event.user());
  append_member(out, "time", format_instant(event.time()));
  out += ",\"headers\":{";
  for (const auto& [name, value] : event.headers()) append_member(out, name, value);
  out += '}';

  const auto payload = payload_as(event, PayloadFormat::json);
  append_content(out, payload ? *payload : EncodedPayload{PayloadFormat::raw, event.payload()});
  out += '}';
  return out;
}

}  // namespace evmesh::event
