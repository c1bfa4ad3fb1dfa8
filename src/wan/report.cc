#include "wan/report.h"

#include <utility>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::wan {
namespace {

using codec::JsonReader;

Result<LinkReport> read_link(JsonReader& json) {
  LinkReport link;
  std::string address;
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "from")) {
      link.from = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "to")) {
      link.to = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "address")) {
      address = codec::json_unescape(json.string());
    } else {
      json.skip();
    }
  }
  TDN_TRY(link.address, io::Address::parse(address));
  return link;
}

}  // namespace

std::string to_json(const WanReport& report) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("wan").string(report.wan).key("links").begin_array();
  for (const LinkReport& link : report.links) {
    json.begin_object().key("from").string(link.from).key("to").string(link.to);
    json.key("address").string(io::to_string(link.address)).end_object();
  }
  json.end_array().key("pid").number(report.pid).end_object();
  return text;
}

Result<WanReport> parse_wan_report(std::string_view text) {
  WanReport report;
  JsonReader json(text);
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "wan")) {
      report.wan = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "pid")) {
      report.pid = static_cast<int>(json.count().value_or(0) & 0x7fffffff);
    } else if (JsonReader::matches(*key, "links")) {
      json.enter_array();
      while (json.next_element()) {
        TDN_TRY(LinkReport link, read_link(json));
        report.links.push_back(std::move(link));
      }
    } else {
      json.skip();
    }
  }
  TDN_TRY_VOID(json.finish());
  if (report.wan.empty() || report.links.empty()) {
    return fail(Code::kInvalid, "the ready file of tdn wan lacks its address or its links");
  }
  return report;
}

}  // namespace tdn::wan
