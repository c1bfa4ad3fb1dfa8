#include "local/breaker.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "codec/json_writer.h"
#include "codec/text_numbers.h"
#include "local/parts.h"

namespace tdn::local {
namespace {

constexpr Duration kDoorPatience = std::chrono::seconds(2);
constexpr std::size_t kTokenWidth = 43;  // base62 characters of 32 bytes

// The processes of a site, or control.
std::vector<std::string> processes_of(std::string_view node) {
  if (node == kControlName) {
    return {std::string(kControlName)};
  }
  return {edge_name(node), engine_name(node)};
}

}  // namespace

std::string chaos_file(const std::string& state_folder) { return state_folder + "/chaos.json"; }

Result<wan::DoorKey> read_chaos_file(const std::string& path) {
  TDN_TRY(const std::string text, read_text(path));
  const Result<codec::yaml::Node> tree = codec::yaml::from_json(text);
  wan::DoorKey key;
  if (tree) {
    key.url = codec::yaml::text_at(*tree, "url");
    key.token = Secret(std::string(codec::yaml::text_at(*tree, "token")));
  }
  if (key.url.empty() || key.token.empty()) {
    return fail(Code::kInvalid, fmt::format("{} says no address; is this the state folder of a "
                                            "running `tdn up`?",
                                            path));
  }
  return key;
}

Secret make_token(Random& random) {
  std::array<std::uint8_t, 32> bytes{};
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return Secret(codec::to_base62(bytes, kTokenWidth));
}

Breaker::Breaker(io::Loop& loop, io::Network& network, Supervisor& supervisor,
                 const StateFolder& state, Nodes nodes)
    : loop_(loop),
      network_(network),
      supervisor_(supervisor),
      state_(state),
      chaos_(std::move(nodes)),
      tasks_(loop) {}

Breaker::~Breaker() = default;

Result<void> Breaker::open(Random& random) {
  TDN_TRY(std::unique_ptr<io::Listener> listener,
          network_.listen(*io::Address::parse("127.0.0.1:0"), false));
  const Secret token = make_token(random);
  wan::DoorHost& host = *this;
  door_ = std::make_unique<wan::Door>(loop_, std::move(listener), token, host);
  door_->start();
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("url").string("http://" + io::to_string(door_->address()));
  json.key("token").string(token.reveal()).end_object();
  return write_private(chaos_file(state_.path()), text + "\n");
}

io::Task<> Breaker::close() {
  if (!door_) {
    co_return;
  }
  remove_file(chaos_file(state_.path()));
  tasks_.cancel();
  co_await tasks_.join();
  co_await door_->drain();
  if (!chaos_.faults().empty()) {
    // What edges settle last is to reach control.
    [[maybe_unused]] const Result<void> healed =
        chaos_.take({.harm = {}, .target = "", .added = {}}, WallTime{});
    [[maybe_unused]] const Result<void> told = co_await apply_to_links();
  }
}

void Breaker::set_wan(wan::DoorKey door) {
  wan_ = std::move(door);
  if (!chaos_.faults().empty()) {
    tasks_.spawn(tell_links());
  }
}

io::Task<> Breaker::tell_links() {
  if (chaos_.faults().empty()) {
    co_return;
  }
  // If it does not answer it is ending, and will be told when it runs again.
  [[maybe_unused]] const Result<void> told = co_await apply_to_links();
}

io::Task<Result<std::string>> Breaker::answer(wan::DoorRequest request) {
  if (request.path != "/v1/chaos" || (request.method != "GET" && request.method != "POST")) {
    co_return fail(Code::kNotFound, "there are GET and POST /v1/chaos here");
  }
  if (request.method == "POST") {
    TDN_CO_TRY(const ChaosRequest asked, parse_chaos_request(request.body));
    TDN_CO_TRY_VOID(chaos_.take(asked, system_clock().wall()));
    apply_to_processes();
    TDN_CO_TRY_VOID(co_await apply_to_links());
  }
  co_return to_json(chaos_.broken());
}

void Breaker::apply_to_processes() {
  std::vector<std::string> nodes = chaos_.nodes().sites;
  nodes.emplace_back(kControlName);
  for (const std::string& node : nodes) {
    for (const std::string& process : processes_of(node)) {
      if (chaos_.is(Harm::kPause, node)) {
        supervisor_.pause(process);
      } else {
        supervisor_.resume(process);
      }
      if (chaos_.is(Harm::kKill, node)) {
        supervisor_.hold(process);
      } else {
        supervisor_.release(process);
      }
    }
  }
}

io::Task<Result<void>> Breaker::apply_to_links() {
  if (!wan_) {
    co_return Result<void>();  // told as soon as it runs
  }
  wan::DoorKey door = *wan_;
  wan::DoorRequest request{
      .method = "PUT", .path = "/v1/faults", .body = wan::to_json(chaos_.faults())};
  const auto told =
      co_await wan::ask_door(network_, std::move(door), std::move(request), kDoorPatience);
  if (!told) {
    co_return fail(Code::kUpstreamError, "tdn wan does not answer: " + told.error().detail() +
                                             "; it is started again and told then");
  }
  co_return Result<void>();
}

}  // namespace tdn::local
