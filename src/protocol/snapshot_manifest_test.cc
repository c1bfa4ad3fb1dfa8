#include "protocol/snapshot_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/base64.h"
#include "protocol/sample_test.h"

namespace tdn::protocol {
namespace {

using testing::HasSubstr;

SnapshotManifest small() {
  SnapshotManifest manifest = manifest_of({});
  manifest.sections = {{"catalogue", codec::sha256(bytes_of("{}")), 2},
                       {"keys-05", codec::sha256(bytes_of("[]")), 2}};
  return manifest;
}

std::string sign_text(std::string_view text, const codec::Ed25519Key& key) {
  const std::string message = std::string("tdn-snapshot-v1\0", 16).append(text);
  return R"({"manifest":")" + codec::to_base64(bytes_of(text)) + R"(","signature":")" +
         codec::to_base64(key.sign(bytes_of(message))) + R"("})";
}

std::string refusal_of(std::string_view envelope, const codec::Ed25519PublicKey& trusted) {
  const auto opened = open_snapshot_envelope(envelope, std::span(&trusted, 1));
  return opened ? "" : opened.error().detail();
}

// The worked example of docs/reference/formats/snapshot.md.
TEST(SnapshotManifest, has_the_bytes_of_the_reference) {
  SnapshotManifest manifest = small();
  manifest.key_id = key_id_of(sample_key().public_key());
  EXPECT_EQ(
      to_json(manifest),
      R"({"format":1,"networkId":"0192f0c0-a000-7000-8000-000000000001","audience":"edges",)"
      R"("keyId":"34750f98bd59fcfc","controlEpoch":"1","version":"7",)"
      R"("createdAt":"2026-01-01T00:00:00.000000Z","validFor":86400,"sections":[)"
      R"({"name":"catalogue","sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","bytes":"2"},)"
      R"({"name":"keys-05","sha256":"4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945","bytes":"2"}]})");
  const std::string envelope = sign_snapshot(small(), sample_key());
  EXPECT_THAT(envelope, testing::StartsWith(R"({"manifest":"eyJmb3JtYXQiOjEsIm5ldHdvcmtJZCI6)"));
  EXPECT_EQ(envelope, sign_snapshot(small(), sample_key()));
}

TEST(SnapshotManifest, what_was_signed_opens_to_what_was_said) {
  const auto key = sample_key().public_key();
  const auto opened =
      open_snapshot_envelope(sign_snapshot(small(), sample_key()), std::span(&key, 1));
  ASSERT_TRUE(opened.has_value()) << opened.error().detail();
  EXPECT_EQ(opened->order, (SnapshotOrder{1, 7}));
  EXPECT_EQ(opened->sections, small().sections);
  EXPECT_EQ(opened->created_at, kSampleTime);
  EXPECT_EQ(opened->valid_for_s, 86'400U);
  EXPECT_EQ(to_json(*opened).size(), to_json(small()).size() + 16);  // the key's id
}

TEST(SnapshotManifest, orders_by_control_epoch_then_version) {
  EXPECT_LT((SnapshotOrder{1, 9}), (SnapshotOrder{2, 1}));
  EXPECT_LT((SnapshotOrder{1, 9}), (SnapshotOrder{1, 10}));
  EXPECT_EQ(to_string(SnapshotOrder{1, 9}), "1.9");
}

TEST(SnapshotManifest, another_key_an_altered_byte_or_no_signature_are_refused) {
  const auto key = sample_key().public_key();
  const std::string good = sign_snapshot(small(), sample_key());
  EXPECT_EQ(refusal_of(good, key), "");
  EXPECT_THAT(refusal_of(sign_snapshot(small(), sample_key(2)), key), HasSubstr("not signed by"));
  std::string altered = good;
  altered[40] = altered[40] == 'A' ? 'B' : 'A';
  EXPECT_NE(refusal_of(altered, key), "");
  EXPECT_THAT(refusal_of(R"({"manifest":"e30="})", key), HasSubstr("`signature` is missing"));
  EXPECT_THAT(refusal_of(R"({"manifest":"e30=","signature":"AAAA"})", key), HasSubstr("64 bytes"));
  // Signed by a trusted key under the name of another.
  SnapshotManifest other = small();
  other.key_id = "0000000000000000";
  EXPECT_THAT(refusal_of(sign_text(to_json(other), sample_key()), key), HasSubstr("names key"));
}

TEST(SnapshotManifest, signed_nonsense_is_refused_by_name) {
  const auto key = sample_key().public_key();
  const auto refusal = [&](std::string_view from, std::string_view to) {
    SnapshotManifest manifest = small();
    manifest.key_id = key_id_of(key);
    std::string text = to_json(manifest);
    text.replace(text.find(from), from.size(), to);
    return refusal_of(sign_text(text, sample_key()), key);
  };
  EXPECT_THAT(refusal(R"("format":1)", R"("format":2)"), HasSubstr("format 2"));
  EXPECT_THAT(refusal(R"("version":"7")", R"("version":7)"), HasSubstr("string"));
  EXPECT_THAT(refusal(R"("version":"7")", R"("version":"07")"), HasSubstr("`version`"));
  EXPECT_THAT(refusal(R"("audience":"edges",)", ""), HasSubstr("`audience` is missing"));
  EXPECT_THAT(refusal("keys-05", "KEYS-05"), HasSubstr("`sections`"));
  EXPECT_THAT(refusal("keys-05", "catalogue"), HasSubstr("stands twice"));
  EXPECT_THAT(refusal(R"("bytes":"2")", R"("bytes":"16777217")"), HasSubstr("16777217 bytes"));
  EXPECT_THAT(refusal("44136f", "44136F"), HasSubstr("`sha256`"));
}

TEST(SnapshotManifest, sizes_are_bounded) {
  const auto key = sample_key().public_key();
  EXPECT_THAT(refusal_of(std::string(kMostEnvelopeBytes + 1, ' '), key), HasSubstr("the most"));
  SnapshotManifest manifest = small();
  manifest.sections.clear();
  for (std::size_t i = 0; i <= kMostSections; ++i) {
    manifest.sections.push_back({"s" + std::to_string(1000 + i), {}, 1});
  }
  EXPECT_THAT(refusal_of(sign_snapshot(manifest, sample_key()), key), HasSubstr("too many"));
  manifest.sections.resize(20);
  for (SectionRef& section : manifest.sections) {
    section.bytes = kMostSectionBytes;
  }
  EXPECT_THAT(refusal_of(sign_snapshot(manifest, sample_key()), key), HasSubstr("together"));
}

}  // namespace
}  // namespace tdn::protocol
