// docs/reference/control-api.md is the declared API as a page, written by this test and checked by
// it; and the service answers in the shapes that it shows.
#include "control/api_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "codec/json_reader.h"
#include "control/test_edge.h"
#include "control/test_service.h"
#include "domain/example_test.h"

namespace tdn::control {
namespace {

using codec::JsonReader;
using Shape = std::map<std::string, JsonReader::Type>;

// Every member below `path` and its type; elements of an array are alike. Names of dimensions vary.
void add_shape(JsonReader& json, const std::string& path, Shape& shape) {
  const JsonReader::Type type = json.peek();
  if (type != JsonReader::Type::kNull) {
    shape[path] = type;
  } else {
    shape.try_emplace(path, type);
  }
  if (type == JsonReader::Type::kObject && json.enter_object()) {
    while (const auto key = json.next_key()) {
      add_shape(json, path + "." + std::string(*key), shape);
    }
  } else if (type == JsonReader::Type::kArray && json.enter_array()) {
    while (json.next_element()) {
      add_shape(json, path + "[]", shape);
    }
  } else if (type != JsonReader::Type::kNone) {
    json.skip();
  }
}

Shape shape_of(std::string_view text) {
  Shape shape;
  JsonReader json(text);
  add_shape(json, "", shape);
  EXPECT_TRUE(json.finish().has_value()) << text;
  return shape;
}

void expect_same_shape(std::string_view described, std::string_view answered) {
  const Shape expected = shape_of(described);
  const Shape actual = shape_of(answered);
  for (const auto& [path, type] : expected) {
    const auto found = actual.find(path);
    ASSERT_NE(found, actual.end()) << path << " is described, not answered: " << answered;
    if (type != JsonReader::Type::kNull && found->second != JsonReader::Type::kNull) {
      EXPECT_EQ(found->second, type) << path;
    }
  }
  for (const auto& [path, type] : actual) {
    EXPECT_TRUE(expected.contains(path)) << path << " is answered, not described";
  }
}

TEST(ControlApiReference, IsCurrent) {
  const std::string path = std::string(TDN_SOURCE_DIR) + "/docs/reference/control-api.md";
  if (std::getenv("TDN_REGENERATE") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread
    std::ofstream(path) << control_api_reference();
  }
  std::ifstream file(path);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(committed == control_api_reference())
      << path << " is out of date: run control_test with TDN_REGENERATE=1";
}

TEST(ControlApiReference, DescribesTargetsThatAreTaken) {
  for (const DescribedEndpoint& endpoint : described_endpoints()) {
    std::string path(endpoint.path.substr(0, endpoint.path.find('?')));
    for (const auto& [from, to] :
         {std::pair{"keys/{name}", "keys/a/b/c"}, std::pair{"{plural}", "tenants"},
          std::pair{"{name}", "demo"}, std::pair{"{sha256}", "00"}}) {
      if (const std::size_t at = path.find(from); at != std::string::npos) {
        path.replace(at, std::string_view(from).size(), to);
      }
    }
    const auto target = parse_target(endpoint.method, path);
    ASSERT_TRUE(target.has_value()) << path;
    EXPECT_EQ(target->endpoint, endpoint.endpoint) << path;
    EXPECT_EQ(parse_target("PATCH", path).error().code(), Code::kMethodNotAllowed) << path;
  }
}

TEST(ControlApiReference, AnswersHaveTheShapesThatItShows) {
  TestService control;
  Nodes nodes;
  nodes.add("frankfurt", "secret-f");
  nodes.add("paris", "secret-p");
  control.service->set_nodes(nodes);
  const std::string two_sites =
      std::string(domain::kExample) +
      "---\napiVersion: tdn/v1\nkind: Site\nmetadata: {name: paris}\nspec:\n"
      "  location: {country: FR, latitude: 48.9, longitude: 2.4}\n";
  ASSERT_EQ(control.apply(two_sites).status, 200);
  ASSERT_EQ(control.operate("DELETE", "/api/v1/policies/demo-stays-in-eu").status, 200);
  // One edge is up to date, one is not.
  std::vector<std::unique_ptr<io::Stream>> watches;
  for (const char* secret : {"secret-f", "secret-p"}) {
    std::unique_ptr<io::Stream>& stream = watches.emplace_back(control.listener->connect());
    const std::string request = TestService::request("GET", "/edge/v1/watch", secret, "");
    const io::Slice slice(request);
    ASSERT_GT(stream->try_write(std::span(&slice, 1)), 0);
  }
  TestEdge edge("frankfurt", 1);
  edge.settle(5);
  protocol::SyncRequest sync = edge.upload(1, 1);
  sync.complete_through = control.test.clock.wall();
  ASSERT_EQ(control.sync("secret-f", sync).status, 200);

  const auto check = [&](Endpoint endpoint, std::string_view target, std::string_view body) {
    const DescribedEndpoint& described = described_endpoints()[static_cast<std::size_t>(endpoint)];
    const std::unique_ptr<io::Stream> client = control.listener->connect();
    std::optional<std::string> bytes;
    control.test.group.spawn(TestService::keep(
        *client, TestService::request(described.method, target, kTestToken, body), bytes));
    control.test.settle();
    protocol::SyncRequest has_it = edge.sync();
    has_it.snapshot = control.service->hub().snapshot()->order;
    EXPECT_EQ(control.sync("secret-f", has_it).status, 200);
    control.test.advance(std::chrono::seconds(6));
    const Reply reply = parse_reply(bytes.value_or(""));
    EXPECT_EQ(reply.status, 200) << target << reply.body;
    SCOPED_TRACE(std::string(target));
    expect_same_shape(described.answer, reply.body);
    return reply.body;
  };
  const auto described = described_endpoints();
  check(Endpoint::kApply, "/api/v1/apply",
        described[static_cast<std::size_t>(Endpoint::kApply)].request);
  check(Endpoint::kApply, "/api/v1/apply",
        TestService::apply_body("apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: demo}\nspec: "
                                "{displayName: Demo}\n"));
  check(Endpoint::kList, "/api/v1/tenants", "");
  check(Endpoint::kGet, "/api/v1/tenants/demo", "");
  check(Endpoint::kIssue, "/api/v1/keys/demo/playground/new/issue", "");
  check(Endpoint::kRevoke, "/api/v1/keys/demo/playground/new/revoke", "{}");
  check(Endpoint::kDelete, "/api/v1/keys/demo/playground/new", "");
  check(Endpoint::kIssue, "/api/v1/keys/demo/playground/new/issue", "");
  check(Endpoint::kDeleteAll, "/api/v1/delete",
        R"({"objects":[{"kind":"Key","name":"demo/playground/new"}]})");
  check(Endpoint::kUsage, "/api/v1/usage?by=model&wait=1", "");
  check(Endpoint::kNetwork, "/api/v1/network", "");
  check(Endpoint::kRotate, "/api/v1/network/rotate-secret", "");
}

}  // namespace
}  // namespace tdn::control
