#include "codec/error_body.h"

#include "codec/json_writer.h"

namespace tdn::codec {
namespace {

const CodeInfo& visible(Code code) {
  const bool seen = info(code).status != 0 || code == Code::kStreamInterrupted;
  return info(seen ? code : Code::kInternalError);
}

}  // namespace

std::string openai_error_body(const Error& error) {
  const CodeInfo& row = visible(error.code());
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("error").begin_object();
  json.key("message").string(error.detail());
  json.key("type").string(row.openai).key("code").string(row.name);
  json.key("param");
  if (error.param().empty()) {
    json.null();
  } else {
    json.string(error.param());
  }
  json.end_object().end_object();
  return body;
}

std::string anthropic_error_body(const Error& error, std::string_view request_id) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("type").string("error").key("error").begin_object();
  json.key("type").string(visible(error.code()).anthropic);
  json.key("message").string(error.detail()).end_object();
  if (!request_id.empty()) {
    json.key("request_id").string(request_id);
  }
  json.end_object();
  return body;
}

std::string openai_error_event(const Error& error) {
  return "data: " + openai_error_body(error) + "\n\n";
}

std::string anthropic_error_event(const Error& error, std::string_view request_id) {
  return "event: error\ndata: " + anthropic_error_body(error, request_id) + "\n\n";
}

}  // namespace tdn::codec
