#include "client/control.h"

#include <fmt/format.h>

#include <utility>

#include "http/fetch.h"

namespace tdn::client {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

std::string escape(std::string_view text, std::string_view kept) {
  constexpr std::string_view kAlways =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kAlways.find(c) != kAlways.npos || kept.find(c) != kept.npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// Control's own words: each problem of a manifest on a line, or the message.
std::string words_of(const Node& answer) {
  const Node* problems = answer.find("problems");
  std::string lines;
  if (problems != nullptr) {
    for (const Node& problem : problems->items) {
      lines += (lines.empty() ? "" : "\n") + problem.text;
    }
  }
  return lines.empty() ? std::string(text_at(answer, "error.message")) : lines;
}

Code code_of(int status) {
  switch (status) {
    case 401:
      return Code::kInvalidApiKey;
    case 404:
      return Code::kMissing;
    default:
      return status >= 500 ? Code::kUpstreamError : Code::kInvalid;
  }
}

}  // namespace

std::string escape_path(std::string_view text) { return escape(text, "/"); }
std::string escape_query(std::string_view text) { return escape(text, ""); }

io::Task<Result<Node>> ControlClient::get(std::string path, Duration patience) {
  return ask("GET", std::move(path), "", patience);
}

io::Task<Result<Node>> ControlClient::post(std::string path, std::string body, Duration patience) {
  return ask("POST", std::move(path), std::move(body), patience);
}

io::Task<Result<Node>> ControlClient::ask(std::string method, std::string path, std::string body,
                                          Duration patience) {
  http::FetchRequest request;
  request.method = std::move(method);
  request.url = control_.url + path;
  request.fields.emplace_back("authorization", "Bearer " + control_.token.reveal());
  if (!body.empty()) {
    request.fields.emplace_back("content-type", "application/json");
  }
  request.body = std::move(body);
  request.timeout = patience;
  request.limit = kLargestAnswer;
  const Result<http::Fetched> answer = co_await http::fetch(network_, std::move(request));
  if (!answer) {
    co_return fail(not_reached(answer.error()));
  }
  Result<Node> tree = codec::yaml::from_json(answer->body);
  if (answer->status < 300 && tree) {
    co_return tree;
  }
  const std::string words = tree ? words_of(*tree) : std::string();
  if (words.empty()) {
    co_return fail(Code::kUpstreamError,
                   fmt::format("{}{} answered with status {} and not as control does: is that its "
                               "address?",
                               control_.url, path, answer->status));
  }
  co_return fail(code_of(answer->status), words);
}

Error ControlClient::not_reached(const Error& reason) const {
  switch (reason.code()) {
    case Code::kUnavailable:
      return {Code::kUnavailable,
              fmt::format("control is not running at {}{}", control_.url,
                          control_.remedy.empty() ? "" : ": " + control_.remedy)};
    case Code::kTimeout:
      return {Code::kUnavailable,
              fmt::format("control at {} did not answer in time; try again", control_.url)};
    case Code::kClosed:
      return {Code::kUnavailable, fmt::format("control at {} broke off ({}); try again",
                                              control_.url, reason.detail())};
    default:
      return reason.with("control at " + control_.url);
  }
}

}  // namespace tdn::client
