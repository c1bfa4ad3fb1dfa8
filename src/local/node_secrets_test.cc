#include "local/node_secrets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "codec/hex.h"
#include "codec/sha256.h"
#include "local/files.h"
#include "local/test_folder.h"

namespace tdn::local {
namespace {

struct NodeSecretsTest : testing::Test {
  TestFolder folder;
  StateFolder state = StateFolder::open(folder.path()).value();
  SeededRandom random{3};

  [[nodiscard]] std::string nodes() const {
    return read_text(folder / "control/nodes.json").value_or("");
  }
  [[nodiscard]] std::string secret(const std::string& site) const {
    std::string text = read_text(node_secret_file(state, site)).value_or("");
    return text.substr(0, text.find('\n'));
  }
};

TEST_F(NodeSecretsTest, AreMadeOnceAndControlKnowsTheirHashes) {
  ASSERT_TRUE(put_node_secrets(state, {"paris", "rome"}, random).has_value());
  const std::string paris = secret("paris");
  EXPECT_EQ(paris.size(), 43U);
  EXPECT_NE(paris, secret("rome"));
  const std::string hash = codec::to_hex(codec::sha256(bytes_of(paris)));
  EXPECT_EQ(nodes().find(R"({"nodes":[{"site":"paris","sha256":")" + hash + "\"}"), 0U) << nodes();
  struct stat facts{};
  ASSERT_EQ(::stat(node_secret_file(state, "paris").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);

  ASSERT_TRUE(put_node_secrets(state, {"paris"}, random).has_value());
  EXPECT_EQ(secret("paris"), paris);
  EXPECT_EQ(nodes(), R"({"nodes":[{"site":"paris","sha256":")" + hash + "\"}]}\n");
}

TEST_F(NodeSecretsTest, AFileThatHoldsNoneIsNamed) {
  ASSERT_TRUE(put_node_secrets(state, {"paris"}, random).has_value());
  ASSERT_TRUE(write_private(node_secret_file(state, "paris"), "short\n").has_value());
  const Result<void> put = put_node_secrets(state, {"paris"}, random);
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().detail(), folder / "sites/paris/node-secret" +
                                      " holds no node secret: remove it to get a new one");
}

}  // namespace
}  // namespace tdn::local
