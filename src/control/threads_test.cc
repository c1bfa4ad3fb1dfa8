// The service as a process runs it: over TCP, with SQLite on a thread of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/service.h"
#include "http/fetch.h"
#include "io/epoll.h"
#include "io/tcp.h"
#include "store/test_stores.h"

namespace tdn::control {
namespace {

struct Answered {
  std::vector<int> statuses;
  int waiting = 0;
  io::Event all;
};

io::Task<> fetch_one(io::Network& network, http::FetchRequest request, Answered& answered) {
  const auto reply = co_await http::fetch(network, std::move(request));
  answered.statuses.push_back(reply ? reply->status : 0);
  if (--answered.waiting == 0) {
    answered.all.set();
  }
}

io::Task<> drive(io::Loop& loop, io::Network& network, Service& service, Answered& answered) {
  auto listener = network.listen(*io::Address::parse("127.0.0.1:0"), false);
  service.start(*std::move(listener));
  io::TaskGroup clients(loop);
  const std::string url = "http://" + to_string(service.address());
  for (int i = 0; i < 40; ++i) {
    http::FetchRequest request;
    request.fields = {{"authorization", "Bearer token-of-the-test"}};
    request.timeout = std::chrono::seconds(30);
    if (i % 2 == 0) {
      request.method = "POST";
      request.url = url + "/api/v1/apply";
      request.body = fmt::format(
          R"({{"sources":[{{"name":"a","text":"apiVersion: tdn/v1\nkind: Tenant\nmetadata: {{name: t{}}}\n"}}]}})",
          i);
    } else {
      request.url = url + (i % 4 == 1 ? "/api/v1/tenants" : "/metrics");
    }
    ++answered.waiting;
    clients.spawn(fetch_one(network, std::move(request), answered));
  }
  co_await answered.all.wait();
  co_await clients.join();
  co_await service.drain(std::chrono::seconds(1));
}

TEST(ServiceOnThreads, AnswersManyAtOnce) {
  store::SqliteFixture fixture;
  auto core = open_core(fixture.store(), {.clock = &system_clock(),
                                          .random = &system_random(),
                                          .signing_key = codec::Ed25519Key({1}),
                                          .network_secrets = rotated({}, system_random()),
                                          .user_secret = {},
                                          .remembered = std::nullopt});
  ASSERT_TRUE(core.has_value()) << core.error().detail();
  Core& logic = **core;
  io::EpollPoller poller(system_clock());
  io::Loop loop(system_clock(), poller);
  io::BlockingPool pool(1);
  io::TcpNetwork network(loop, poller, pool);
  ServiceOptions options;
  options.operator_token = Secret("token-of-the-test");
  options.clock = &system_clock();
  options.random = &system_random();
  options.on_store_failure = [](const Error& error) { ADD_FAILURE() << error.detail(); };
  Service service(loop, pool, fixture.store(), *std::move(core), std::move(options));
  Answered answered;
  io::TaskGroup group(loop);
  group.spawn(drive(loop, network, service, answered));
  while (group.size() > 0) {
    loop.run_once(kNever);
  }
  EXPECT_EQ(answered.statuses.size(), 40U);
  EXPECT_THAT(answered.statuses, testing::Each(200));
  EXPECT_EQ(logic.list(domain::Kind::kTenant).size(), 20U);
}

}  // namespace
}  // namespace tdn::control
