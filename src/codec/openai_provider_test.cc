#include "codec/openai_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tdn::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(std::string_view object) {
  const auto wishes = parse_provider(object);
  return wishes ? "none" : wishes.error().detail();
}

TEST(Provider, EveryWishIsRead) {
  const auto wishes = parse_provider(
      R"({"order":["a","b\/c"],"only":["a"],"ignore":["d"],"sort":"throughput","allow_fallbacks":)"
      R"(false,"data_collection":"deny","max_price":{"prompt":1,"completion":"2.5"}})");
  ASSERT_TRUE(wishes.has_value()) << wishes.error().detail();
  EXPECT_THAT(wishes->order, ElementsAre("a", "b/c"));
  EXPECT_THAT(wishes->only, ElementsAre("a"));
  EXPECT_THAT(wishes->ignore, ElementsAre("d"));
  EXPECT_EQ(wishes->sort, ProviderWishes::Sort::kThroughput);
  EXPECT_FALSE(wishes->allow_fallbacks);
  EXPECT_TRUE(wishes->deny_data_collection);
  EXPECT_EQ(wishes->most_input, Price{1'000'000});
  EXPECT_EQ(wishes->most_output, Price{2'500'000});
}

TEST(Provider, NoWishIsNoWish) {
  for (const std::string_view nothing :
       {"null", "{}", R"({"order":null,"sort":null,"zdr":false,"quantizations":[]})",
        R"({"max_price":{"prompt":null,"image":null}})"}) {
    const auto wishes = parse_provider(nothing);
    ASSERT_TRUE(wishes.has_value()) << nothing << wishes.error().detail();
    EXPECT_TRUE(wishes->order.empty() && wishes->only.empty() && wishes->ignore.empty());
    EXPECT_TRUE(wishes->allow_fallbacks);
    EXPECT_FALSE(wishes->deny_data_collection || wishes->most_input || wishes->most_output);
  }
}

std::string param_of(std::string_view object) {
  const auto wishes = parse_provider(object);
  return wishes ? "none" : std::string(wishes.error().param());
}

TEST(Provider, ErrorsPointToTheMember) {
  EXPECT_EQ(param_of(R"({"allow_fallbacks":"no"})"), "provider.allow_fallbacks");
  EXPECT_EQ(param_of(R"({"quantizations":["fp8"]})"), "provider.quantizations");
  EXPECT_EQ(param_of("[]"), "provider");
  const std::string unknown = "{\"" + std::string(5000, 'x') + "\":1}";
  EXPECT_EQ(param_of(unknown), "provider.…");
  EXPECT_LT(error_of(unknown).size(), 300U) << "no more of a client's words than helps";
}

TEST(Provider, WhatCannotBeHeededIsRefusedByName) {
  EXPECT_THAT(error_of("[]"), HasSubstr("`provider` must be an object"));
  EXPECT_THAT(error_of(R"({"zdr":true})"), HasSubstr("`provider.zdr` is not something"));
  EXPECT_THAT(error_of(R"({"max_price":{"request":1}})"),
              HasSubstr("`provider.max_price.request` is not something"));
  EXPECT_THAT(error_of(R"({"sort":"speed"})"), HasSubstr("`provider.sort` must be"));
  EXPECT_THAT(error_of(R"({"sort":{"by":"price"}})"), HasSubstr("`provider.sort` must be"));
  EXPECT_THAT(error_of(R"({"order":"a"})"), HasSubstr("`provider.order` must be a list"));
  EXPECT_THAT(error_of(R"({"only":[1]})"), HasSubstr("`provider.only` must be a list"));
  EXPECT_THAT(error_of(R"({"allow_fallbacks":1})"), HasSubstr("true or false"));
  EXPECT_THAT(error_of(R"({"data_collection":true})"), HasSubstr("\"allow\" or \"deny\""));
  EXPECT_THAT(error_of(R"({"max_price":{"prompt":-1}})"), HasSubstr("price per million"));
  EXPECT_THAT(error_of(R"({"order":[],"order":[]})"), HasSubstr("given twice"));
  std::string many = R"({"ignore":["a")";
  for (int i = 0; i < 64; ++i) {
    many += R"(,"a")";
  }
  EXPECT_THAT(error_of(many + "]}"), HasSubstr("more than 64"));
}

}  // namespace
}  // namespace tdn::codec
