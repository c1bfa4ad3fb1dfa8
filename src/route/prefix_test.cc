#include "route/prefix.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

#include "base/random.h"

namespace tdn::route {
namespace {

using namespace std::chrono_literals;

constexpr Instant kFirstMoment = 1h;

PrefixKey key_of(std::uint8_t tenant, std::uint64_t secret = 7) {
  PrefixKey key;
  key.secret = {secret, secret + 1};
  key.tenant.bytes[15] = tenant;
  key.model.bytes[15] = 9;
  return key;
}

std::string text_of(std::size_t size, std::uint64_t seed = 1) {
  SeededRandom random(seed);
  std::string text(size, ' ');
  for (char& c : text) {
    c = static_cast<char>('a' + random.below(26));
  }
  return text;
}

TEST(Beginnings, AreEveryStepAndNeverBehindTheText) {
  Beginnings found;
  find_beginnings(key_of(1), text_of(511), found);
  EXPECT_TRUE(found.empty());
  find_beginnings(key_of(1), text_of(2'000), found);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].bytes, 512U);
  EXPECT_EQ(found[2].bytes, 1'536U);
  const std::string large = text_of(3'000'000);
  find_beginnings(key_of(1), large, found);
  for (std::size_t i = 1; i < found.size(); ++i) {
    EXPECT_EQ(found[i].bytes % 64, 0U);
    EXPECT_LE(found[i].bytes, large.size());
    EXPECT_LE(found[i].bytes, std::max(found[i - 1].bytes + 512, found[i - 1].bytes / 8 * 9));
  }
  EXPECT_GT(found[found.size() - 1].bytes, large.size() * 8 / 9);
}

TEST(BeginningsProperty, TextsShareThemAsFarAsTheyAreEqual) {
  EXPECT_TRUE(rc::check("common beginnings", [] {
    const std::size_t common = *rc::gen::inRange<std::size_t>(0, 20'000);
    std::string a = text_of(common) + "A" + text_of(4'000, 2);
    std::string b = text_of(common) + "B" + text_of(*rc::gen::inRange<std::size_t>(0, 9'000), 3);
    Beginnings of_a;
    Beginnings of_b;
    find_beginnings(key_of(1), a, of_a);
    find_beginnings(key_of(1), b, of_b);
    for (std::size_t i = 0; i < std::min(of_a.size(), of_b.size()); ++i) {
      RC_ASSERT(of_a[i].bytes == of_b[i].bytes);
      RC_ASSERT((of_a[i].hash == of_b[i].hash) == (of_a[i].bytes <= common));
    }
  }));
}

TEST(Beginnings, AreOthersForEachTenantModelAndProcess) {
  const std::string text = text_of(600);
  Beginnings one;
  Beginnings other;
  find_beginnings(key_of(1), text, one);
  find_beginnings(key_of(2), text, other);
  EXPECT_NE(one[0].hash, other[0].hash);
  find_beginnings(key_of(1, 8), text, other);
  EXPECT_NE(one[0].hash, other[0].hash);
  PrefixKey model = key_of(1);
  model.model.bytes[15] = 10;
  find_beginnings(model, text, other);
  EXPECT_NE(one[0].hash, other[0].hash);
}

TEST(PrefixTable, RemembersWhoWasLastGivenABeginning) {
  PrefixTable table({1, 2});
  EXPECT_FALSE(table.find(77, kFirstMoment).has_value());
  table.put(77, 5, kFirstMoment);
  EXPECT_EQ(table.find(77, kFirstMoment), 5U);
  table.put(77, 6, kFirstMoment + 1s);
  EXPECT_EQ(table.find(77, kFirstMoment + 1s), 6U);
  EXPECT_EQ(table.find(77, kFirstMoment + 10min), 6U);
  EXPECT_FALSE(table.find(77, kFirstMoment + 11min).has_value());
}

TEST(PrefixTable, TheOldestOfABucketGoes) {
  PrefixTable table({1, 2});
  const std::uint64_t buckets = PrefixTable::kSlots / 4;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    table.put(i * buckets, static_cast<std::uint32_t>(i), kFirstMoment + i * 1s);
  }
  table.put(1 * buckets, 1, kFirstMoment + 60s);  // asked for again
  table.put(5 * buckets, 5, kFirstMoment + 61s);
  EXPECT_EQ(table.find(1 * buckets, kFirstMoment + 61s), 1U);
  EXPECT_FALSE(table.find(2 * buckets, kFirstMoment + 61s).has_value());
  EXPECT_EQ(table.find(3 * buckets, kFirstMoment + 61s), 3U);
  EXPECT_EQ(table.find(5 * buckets, kFirstMoment + 61s), 5U);
}

}  // namespace
}  // namespace tdn::route
