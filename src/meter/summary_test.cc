#include "meter/summary.h"

#include <gtest/gtest.h>

#include "meter/usage_report.h"

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
  const SummaryRow& row = summary.rows().at({{{uid(1), {}}, {uid(7), {}}}, {{'U', 'S', 'D'}}});
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

TEST(Summary, WhatWasMadeAgainUnderANameIsOneLineOfAReport) {
  Summary summary({Dimension::kModel});
  summary.add(record(1, 7, 5));
  summary.add(record(1, 8, 6));  // deleted, and made again
  summary.add(record(1, 9, 100));
  const UsageReport report = make_report(summary, [](std::string_view, const Uid& model) {
    return std::string(model == uid(9) ? "other" : "again");
  });
  ASSERT_EQ(report.lines.size(), 2U);
  EXPECT_EQ(report.lines[0].by, std::vector<std::string>{"again"});
  EXPECT_EQ(report.lines[0].row.requests, 2U);
  EXPECT_EQ(report.lines[0].row.tokens.output, 11U);
  EXPECT_EQ(report.lines[0].row.amount, 11'000);
}

TEST(Summary, NeverAddsCurrenciesTogether) {
  Summary summary({Dimension::kModel});
  summary.add(record(1, 7, 1));
  UsageRecord euros = record(1, 7, 1);
  euros.charged.currency = {{'E', 'U', 'R'}};
  summary.add(euros);
  EXPECT_EQ(summary.rows().size(), 2U);
}

TenantAnnex annex(std::uint8_t user, std::vector<std::string> tags) {
  TenantAnnex annex;
  annex.user_hash[0] = user;
  annex.tags = std::move(tags);
  return annex;
}

TEST(Summary, CountsARecordOnceUnderItsUserAndOnceUnderEachOfItsTags) {
  const TenantAnnex both = annex(7, {"b", "a", "b"});
  const TenantAnnex one = annex(7, {"a"});
  Summary users({Dimension::kUser});
  Summary tags({Dimension::kTag});
  for (Summary* summary : {&users, &tags}) {
    summary->add(record(1, 7, 5), &both);
    summary->add(record(1, 7, 5), &one);
    summary->add(record(1, 7, 5));
  }
  const Currency usd{{'U', 'S', 'D'}};
  ASSERT_EQ(users.rows().size(), 2U);
  EXPECT_EQ(users.rows().at({{{{}, "07" + std::string(62, '0')}}, usd}).requests, 2U);
  EXPECT_EQ(users.rows().at({{{}}, usd}).requests, 1U);
  ASSERT_EQ(tags.rows().size(), 3U);
  EXPECT_EQ(tags.rows().at({{{{}, "a"}}, usd}).requests, 2U);
  EXPECT_EQ(tags.rows().at({{{{}, "b"}}, usd}).requests, 1U);
  EXPECT_EQ(tags.rows().at({{{}}, usd}).requests, 1U);
}

TEST(Summary, OfCellsIsThatOfTheirRecords) {
  Summary records({Dimension::kModel, Dimension::kTag});
  Summary cells({Dimension::kModel, Dimension::kTag});
  std::map<UsageCell, SummaryRow> kept;
  for (std::uint8_t i = 0; i < 20; ++i) {
    const TenantAnnex its = annex(i % 3, {i % 2 == 0 ? "even" : "odd", "all"});
    const UsageRecord one = record(i % 2, i % 5, i);
    records.add(one, &its);
    kept[cell_of(one, &its)] += row_of(one);
  }
  for (const auto& [cell, row] : kept) {
    cells.add(cell, row);
  }
  EXPECT_EQ(records.rows(), cells.rows());
  EXPECT_LT(kept.size(), 20U + 1);
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
