// What each text format takes, in words and in code.
#include <fmt/format.h>

#include <algorithm>

#include "base/uid.h"
#include "codec/text_numbers.h"
#include "domain/country.h"
#include "domain/fields.h"

namespace tdn::domain {
namespace {

constexpr std::size_t kLongestText = 1'024;
constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestName = 200;

using Wrong = std::optional<std::string>;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }

bool is_label(std::string_view text) {
  const auto inner = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= kLongestLabel && text.front() != '-' &&
         text.back() != '-' && std::all_of(text.begin(), text.end(), inner);
}

bool is_name(std::string_view text) {
  if (text.size() > kLongestName) {
    return false;
  }
  while (true) {
    const std::size_t slash = text.find('/');
    if (!is_label(text.substr(0, slash))) {
      return false;
    }
    if (slash == text.npos) {
      return true;
    }
    text.remove_prefix(slash + 1);
  }
}

bool all_of(std::string_view text, std::size_t longest, std::string_view also) {
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_word(c) || also.find(c) != also.npos; });
}

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Wrong unless(bool good, std::string_view text, std::string_view remedy) {
  if (good) {
    return std::nullopt;
  }
  return fmt::format("`{}` {}", text.substr(0, 80), remedy);
}

Wrong check_country(std::string_view text) {
  if (Country::parse(text)) {
    return std::nullopt;
  }
  const std::string hint = country_hint(text);
  return fmt::format("`{}` is no ISO 3166-1 alpha-2 country code in upper case; {}",
                     text.substr(0, 40), hint.empty() ? "write one such as DE" : hint);
}

enum class UrlUse : std::uint8_t { kGateway, kEngine };

Wrong check_url(std::string_view text, UrlUse use) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  const bool is_engine = use == UrlUse::kEngine;
  const bool over_tls = text.starts_with(kHttps);
  if (over_tls && !is_engine) {
    return fmt::format("`{}`: https is not built yet; use http on a trusted network",
                       text.substr(0, 80));
  }
  if (!over_tls && !text.starts_with(kHttp)) {
    return unless(false, text,
                  is_engine ? "is no URL; write http://host:port or https://host"
                            : "is no URL; write http://host:port");
  }
  const std::string_view rest = text.substr(over_tls ? kHttps.size() : kHttp.size());
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const std::string_view path = rest.substr(authority.size());
  // The port is what follows the last colon outside an IPv6 address in brackets.
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != authority.npos && (bracket == authority.npos || colon > bracket);
  const std::string_view host = has_port ? authority.substr(0, colon) : authority;
  const std::string_view port = has_port ? authority.substr(colon + 1) : "80";
  const bool good_host = host.starts_with('[') ? host.ends_with(']') && all_of(host, 64, "[]:.")
                                               : all_of(host, 253, ".-") && host.front() != '-';
  const bool good_port =
      !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit) &&
      std::stoi(std::string(port)) >= 1 && std::stoi(std::string(port)) <= 65'535;
  if (!good_host || !good_port) {
    return unless(false, text, "is no URL; write http://host:port");
  }
  if (!path.empty() && (!is_engine || !all_of(path, 200, "/._-~") || path.back() == '/')) {
    return unless(false, text,
                  is_engine ? "ends in no usable path; leave the last slash out"
                            : "has a path; write http://host:port");
  }
  return unless(!path.ends_with("/v1"), text, "ends in /v1, which is added; leave it out");
}

}  // namespace

std::string_view prose_of(Format format) {
  switch (format) {
    case Format::kText:
      return "text of at most 1,024 bytes";
    case Format::kLabel:
      return "DNS label";
    case Format::kName:
      return "name";
    case Format::kModelAlias:
      return "letters, digits and `. _ - : / @ +`, at most 128";
    case Format::kEngineModel:
      return "printable, at most 256 bytes";
    case Format::kToken:
      return "letters, digits and `. _ -`, at most 64";
    case Format::kCountry:
      return "ISO 3166-1 alpha-2, upper case";
    case Format::kCurrency:
      return "three upper-case letters";
    case Format::kHttpUrl:
      return "`http://host:port`";
    case Format::kEngineUrl:
      return "`http://host:port` or `https://host`, with a path if need be";
    case Format::kAccount:
      return "`accounts/NAME`";
    case Format::kKeyId:
      return "10 digits of Crockford's base32, lower case";
    case Format::kSha256:
      return "64 lower-case hex digits";
    case Format::kPath:
      return "path of a file";
    case Format::kVariable:
      return "name of an environment variable";
    case Format::kUid:
      return "UUID";
    case Format::kCount:
      return "decimal number, in quotes";
  }
  return "";
}

std::optional<std::string> check_format(Format format, std::string_view text) {
  switch (format) {
    case Format::kText:
      return unless(text.size() <= kLongestText && is_printable(text), text,
                    "is too long or has control characters; write one line of text");
    case Format::kLabel:
      return unless(is_label(text), text,
                    "is no DNS label; write lower-case letters, digits and inner dashes");
    case Format::kName:
      return unless(is_name(text), text,
                    "is no name; write lower-case letters, digits and inner dashes, nested by /");
    case Format::kModelAlias:
      return unless(all_of(text, 128, "._-:/@+"), text,
                    "is no model name; write letters, digits and . _ - : / @ +");
    case Format::kEngineModel:
      return unless(!text.empty() && text.size() <= 256 && is_printable(text), text,
                    "is too long or has control characters; write the engine's name for the model");
    case Format::kToken:
      return unless(all_of(text, 64, "._-"), text,
                    "has other characters; write letters, digits and . _ -");
    case Format::kCountry:
      return check_country(text);
    case Format::kCurrency:
      return unless(text.size() == 3 && std::all_of(text.begin(), text.end(), is_upper), text,
                    "is no currency; write three upper-case letters such as USD");
    case Format::kHttpUrl:
      return check_url(text, UrlUse::kGateway);
    case Format::kEngineUrl:
      return check_url(text, UrlUse::kEngine);
    case Format::kAccount:
      return unless(text.starts_with("accounts/") && is_label(text.substr(9)), text,
                    "is no account; write accounts/NAME");
    case Format::kKeyId:
      return unless(text.size() == 10 && codec::is_crockford(text), text,
                    "is no key id; copy the line that `tdn key new` prints");
    case Format::kSha256:
      return unless(text.size() == 64 &&
                        std::all_of(text.begin(), text.end(),
                                    [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }),
                    text,
                    "is no SHA-256 of 64 lower-case hex digits; copy the line that `tdn key "
                    "new` prints");
    case Format::kPath:
      return unless(!text.empty() && text.size() <= 4'096 && is_printable(text), text,
                    "is no path of a file");
    case Format::kVariable:
      return unless(all_of(text, 128, "_") && !is_digit(text.front()), text,
                    "is no name of an environment variable");
    case Format::kUid:
      return unless(Uid::parse(text).has_value(), text, "is no UUID; leave the field out");
    case Format::kCount:
      return unless(
          !text.empty() && text.size() <= 20 && std::all_of(text.begin(), text.end(), is_digit),
          text, "is no decimal number; leave the field out");
  }
  return std::nullopt;
}

}  // namespace tdn::domain
