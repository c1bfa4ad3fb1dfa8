#include "local/announcement.h"

#include <fmt/format.h>

#include "codec/json_writer.h"

namespace tdn::local {
namespace {

// Terminal sequences, or nothing.
struct Paint {
  bool on;
  [[nodiscard]] std::string bold(std::string_view text) const { return with("1", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return with("2", text); }
  [[nodiscard]] std::string warn(std::string_view text) const { return with("1;33", text); }

 private:
  [[nodiscard]] std::string with(std::string_view code, std::string_view text) const {
    return on ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
};

std::string sites(const NetworkReport& network, const Paint& paint) {
  constexpr std::string_view kRow = "  {:<12}{:<14}{:<24}{}\n";
  std::string table = paint.dim(fmt::format(kRow, "site", "endpoint", "gateway", "engine"));
  for (const SiteReport& site : network.sites) {
    table += fmt::format(kRow, site.name, site.name + "-1", site.edge.gateway, site.engine.engine);
  }
  return table;
}

// Where clients of each city enter the site that is nearest to them.
std::string cities(const NetworkReport& network, const Paint& paint) {
  if (network.cities.empty()) {
    return "";
  }
  constexpr std::string_view kRow = "  {:<16}{:<14}{}\n";
  std::string table = "\n" + paint.dim(fmt::format(kRow, "clients in", "nearest site", "enter at"));
  for (const CityReport& city : network.cities) {
    const auto& [site, url] = city.gateways.front();
    table += fmt::format(kRow, city.name, site, url);
  }
  return table;
}

std::string model_line(const Announcement& what, const Paint& paint) {
  return what.model.simulated ? fmt::format("{} {}", what.network.model,
                                            paint.warn("SIMULATED: answers are made-up words"))
                              : fmt::format("{} ({})", what.network.model, what.model.engine_name);
}

// For a POSIX shell.
std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:=";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(text);
  }
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

}  // namespace

std::string curl_line(const NetworkReport& network) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object().key("model").string(network.model).key("stream").boolean(true);
  json.key("messages").begin_array().begin_object();
  json.key("role").string("user").key("content").string("Why is the sky blue?");
  json.end_object().end_array().end_object();
  return fmt::format(
      "curl -N {}/v1/chat/completions -H 'Authorization: Bearer {}' -H 'Content-Type: "
      "application/json' -d {}",
      network.sites.front().edge.gateway, network.key.reveal(), shell_word(body));
}

std::string announce(const Announcement& what) {
  const Paint paint{what.colours};
  const EdgeReport& edge = what.network.sites.front().edge;
  const std::string state = shell_word(what.state_folder);
  const std::string program = shell_word(what.program);
  std::string text = fmt::format("\n{}\n\n", paint.bold("Serving at " + edge.gateway + "/v1"));
  text += sites(what.network, paint);
  text += cities(what.network, paint);
  text += fmt::format("\n  {}      {}\n", paint.dim("model"), model_line(what, paint));
  text += fmt::format("  {}    {}\n", paint.dim("control"), what.network.control.control);
  text += fmt::format("  {}      {}\n", paint.dim("state"), what.state_folder);
  text += fmt::format("\n{}\n\n{}\n", paint.bold("Try it:"), curl_line(what.network));
  text += fmt::format("\n{}\n\n", paint.bold("Then:"));
  const auto next = [&](const std::string& command, std::string_view shows) {
    text += fmt::format("  {}\n      {}\n", command, paint.dim(shows));
  };
  next(fmt::format("{} top --state {}", program, state), "sites, endpoints and what they do, live");
  next(fmt::format("{} usage --by site --wait 5 --state {}", program, state),
       "what was used, exactly, and what it costs");
  next(fmt::format("{} get sites -o wide --state {}", program, state),
       "what each site serves by; also endpoints, tenants, keys, policies");
  next(fmt::format("curl {}/metrics", edge.admin), "what an edge counts, for Prometheus");
  if (!what.network.cities.empty()) {
    next(fmt::format("{} chaos --help", program), "break it on purpose, and watch it heal");
  }
  text += "\nA tenant of your own, word for word: docs/guide/first-network.md\n";
  text += "Ctrl-C stops everything; the next start has the same key and the same books.\n";
  return text;
}

}  // namespace tdn::local
