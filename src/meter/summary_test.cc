#include "meter/summary.h"

#include <gtest/gtest.h>

namespace tdn::meter {
namespace {

Uid uid(std::uint8_t number) {
  Uid uid;
  uid.bytes[15] = number;
  return uid;
}

UsageRecord record(std::uint8_t tenant, std::uint8_t model, std::uint64_t output) {
  UsageRecord record;
  record.owners = {{OwnerKind::kTenant, uid(tenant)}, {OwnerKind::kKey, uid(50)}};
  record.served.model = uid(model);
  record.serving.site = uid(60);
  record.reported.set(TokenClass::kInputTextFresh, 10);
  record.reported.set(TokenClass::kInputTextCacheRead, 1);
  record.reported.set(TokenClass::kOutputText, output);
  record.charged = {{{'U', 'S', 'D'}}, static_cast<Amount>(output) * 1000};
  return record;
}

TEST(Summary, AddsUpByEveryCombinationOfTheDimensions) {
  Summary summary({Dimension::kTenant, Dimension::kModel});
  summary.add(record(1, 7, 5));
  summary.add(record(1, 7, 6));
  summary.add(record(1, 8, 100));
  summary.add(record(2, 7, 1000));
  ASSERT_EQ(summary.rows().size(), 3U);
  const SummaryRow& row = summary.rows().at({{uid(1), uid(7)}, {{'U', 'S', 'D'}}});
  EXPECT_EQ(row.requests, 2U);
  EXPECT_EQ(row.tokens, (TokenTotals{.input = 20, .cached_input = 2, .output = 11}));
  EXPECT_EQ(row.amount, 11'000);
}

TEST(Summary, CountsEveryEndOfWhatWasBoughtAndNothingSold) {
  Summary summary({Dimension::kSite});
  UsageRecord orphan = record(1, 7, 0);
  orphan.end = End::kOrphan;
  summary.add(orphan);
  UsageRecord bought = record(1, 7, 3);
  bought.side = Side::kBought;
  summary.add(bought);
  UsageRecord sold = record(1, 7, 3);
  sold.side = Side::kSold;
  summary.add(sold);
  ASSERT_EQ(summary.rows().size(), 1U);
  EXPECT_EQ(summary.rows().begin()->second.requests, 2U);
  EXPECT_EQ(summary.rows().begin()->second.tokens.output, 3U);
}

TEST(Summary, NeverAddsCurrenciesTogether) {
  Summary summary({Dimension::kModel});
  summary.add(record(1, 7, 1));
  UsageRecord euros = record(1, 7, 1);
  euros.charged.currency = {{'E', 'U', 'R'}};
  summary.add(euros);
  EXPECT_EQ(summary.rows().size(), 2U);
}

TEST(Dimensions, AreParsedOrRefusedByName) {
  EXPECT_EQ(*parse_dimensions("model"), std::vector<Dimension>{Dimension::kModel});
  EXPECT_EQ(*parse_dimensions("tenant,endpoint"),
            (std::vector<Dimension>{Dimension::kTenant, Dimension::kEndpoint}));
  for (const char* text :
       {"", "models", "model,", ",model", "model,model", "Model", "tenant model"}) {
    const auto parsed = parse_dimensions(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().detail().find("tenant, project, key"), std::string::npos);
  }
}

}  // namespace
}  // namespace tdn::meter
