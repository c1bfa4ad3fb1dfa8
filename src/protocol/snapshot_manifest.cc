#include "protocol/snapshot_manifest.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/json_writer.h"
#include "protocol/detail/message.h"

namespace tdn::protocol {
namespace {

using namespace std::string_view_literals;
using detail::MessageReader;

constexpr std::string_view kDomain = "tdn-snapshot-v1\0"sv;
constexpr std::size_t kLongestAudience = 80;
constexpr std::size_t kLongestKeyId = 16;
constexpr std::size_t kLongestSectionName = 40;

std::string decimal(std::uint64_t value) { return fmt::format("{}", value); }

std::string signed_bytes(std::string_view manifest) {
  return std::string(kDomain).append(manifest);
}

bool is_section_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

SectionRef read_section(MessageReader& in) {
  SectionRef section;
  unsigned seen = 0;
  in.object([&](std::string_view name) {
    if (name == "name") {
      section.name = in.text(name, kLongestSectionName);
      seen |= 1U;
    } else if (name == "sha256") {
      section.sha256 = in.digest(name);
      seen |= 2U;
    } else if (name == "bytes") {
      section.bytes = in.decimal(name);
      seen |= 4U;
    } else {
      in.skip();
    }
  });
  if (seen != 7U || !is_section_name(section.name)) {
    in.wrong("sections", "holds an entry without a good name, sha256 and bytes");
  }
  return section;
}

Result<void> check_bounds(const SnapshotManifest& manifest) {
  std::uint64_t total = 0;
  std::string_view before;
  for (const SectionRef& section : manifest.sections) {
    if (section.name <= before) {
      return fail(Code::kInvalid,
                  fmt::format("section `{}` stands twice or out of order", section.name));
    }
    before = section.name;
    if (section.bytes > kMostSectionBytes) {
      return fail(Code::kInvalid, fmt::format("section `{}` has {} bytes; {} are the most",
                                              section.name, section.bytes, kMostSectionBytes));
    }
    total += section.bytes;
  }
  if (total > kMostSnapshotBytes) {
    return fail(Code::kInvalid, fmt::format("the sections have {} bytes together; {} are the most",
                                            total, kMostSnapshotBytes));
  }
  return {};
}

struct Envelope {
  std::string manifest;
  codec::Ed25519Signature signature{};
};

Result<Envelope> parse_envelope(std::string_view json) {
  if (json.size() > kMostEnvelopeBytes) {
    return fail(Code::kInvalid, fmt::format("the snapshot's envelope has {} bytes; {} are the most",
                                            json.size(), kMostEnvelopeBytes));
  }
  Envelope envelope;
  MessageReader in(json);
  in.object([&](std::string_view name) {
    if (name == "manifest") {
      const auto bytes = in.base64(name);
      envelope.manifest = text_of(bytes);
    } else if (name == "signature") {
      const auto bytes = in.base64(name);
      if (bytes.size() != envelope.signature.size()) {
        return in.wrong(name, "is not 64 bytes long");
      }
      std::ranges::copy(bytes, envelope.signature.begin());
    } else {
      in.skip();
    }
  });
  in.need("manifest");
  in.need("signature");
  if (const auto finished = in.finish(); !finished) {
    return fail(finished.error().with("the snapshot's envelope"));
  }
  return envelope;
}

}  // namespace

std::string to_string(const SnapshotOrder& order) {
  return fmt::format("{}.{}", order.control_epoch, order.version);
}

std::string key_id_of(const codec::Ed25519PublicKey& key) {
  return codec::to_hex(ByteView(codec::sha256(key)).first(8));
}

std::string to_json(const SnapshotManifest& manifest) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("format").number(SnapshotManifest::kFormat);
  json.key("networkId").string(to_string(manifest.network));
  json.key("audience").string(manifest.audience).key("keyId").string(manifest.key_id);
  json.key("controlEpoch").string(decimal(manifest.order.control_epoch));
  json.key("version").string(decimal(manifest.order.version));
  json.key("createdAt").string(to_rfc3339(manifest.created_at));
  json.key("validFor").number(manifest.valid_for_s);
  json.key("sections").begin_array();
  for (const SectionRef& section : manifest.sections) {
    json.begin_object().key("name").string(section.name);
    json.key("sha256").string(codec::to_hex(section.sha256));
    json.key("bytes").string(decimal(section.bytes)).end_object();
  }
  json.end_array().end_object();
  return text;
}

Result<SnapshotManifest> parse_snapshot_manifest(std::string_view json) {
  if (json.size() > kMostManifestBytes) {
    return fail(Code::kInvalid, fmt::format("the snapshot's manifest has {} bytes; {} are the most",
                                            json.size(), kMostManifestBytes));
  }
  SnapshotManifest manifest;
  std::uint64_t format = 0;
  MessageReader in(json);
  in.object([&](std::string_view name) {
    if (name == "format") {
      format = in.number(name, UINT32_MAX);
    } else if (name == "networkId") {
      manifest.network = in.uid(name);
    } else if (name == "audience") {
      manifest.audience = in.text(name, kLongestAudience);
    } else if (name == "keyId") {
      manifest.key_id = in.text(name, kLongestKeyId);
    } else if (name == "controlEpoch") {
      manifest.order.control_epoch = in.decimal(name);
    } else if (name == "version") {
      manifest.order.version = in.decimal(name);
    } else if (name == "createdAt") {
      const auto time = parse_rfc3339(in.text(name, 40));
      if (!time) {
        return in.wrong(name, "is no time such as 2027-12-31T00:00:00Z");
      }
      manifest.created_at = *time;
    } else if (name == "validFor") {
      manifest.valid_for_s = in.number(name, kMostValidForS);
    } else if (name == "sections") {
      in.array(name, kMostSections, [&] { manifest.sections.push_back(read_section(in)); });
    } else {
      in.skip();
    }
  });
  if (in.ok() && format != SnapshotManifest::kFormat) {
    return fail(Code::kInvalid,
                fmt::format("the snapshot has format {}, this version knows {}; update the edge",
                            format, SnapshotManifest::kFormat));
  }
  for (const char* name : {"networkId", "audience", "keyId", "controlEpoch", "version", "createdAt",
                           "validFor", "sections"}) {
    in.need(name);
  }
  if (const auto finished = in.finish(); !finished) {
    return fail(finished.error().with("the snapshot's manifest"));
  }
  TDN_TRY_VOID(check_bounds(manifest));
  return manifest;
}

std::string sign_snapshot(SnapshotManifest manifest, const codec::Ed25519Key& key) {
  manifest.key_id = key_id_of(key.public_key());
  const std::string text = to_json(manifest);
  const codec::Ed25519Signature signature = key.sign(bytes_of(signed_bytes(text)));
  std::string envelope;
  codec::JsonWriter json(envelope);
  json.begin_object().key("manifest").string(codec::to_base64(bytes_of(text)));
  json.key("signature").string(codec::to_base64(signature)).end_object();
  return envelope;
}

Result<SnapshotManifest> open_snapshot_envelope(std::string_view envelope,
                                                std::span<const codec::Ed25519PublicKey> trusted) {
  TDN_TRY(const Envelope parts, parse_envelope(envelope));
  const std::string message = signed_bytes(parts.manifest);
  const auto signer = std::ranges::find_if(trusted, [&](const codec::Ed25519PublicKey& key) {
    return codec::ed25519_verify(key, bytes_of(message), parts.signature);
  });
  if (signer == trusted.end()) {
    return fail(Code::kInvalid,
                "the snapshot is not signed by a key that is trusted here; if control's key was "
                "changed by hand, remove the pinned one and start with the new --control-key");
  }
  TDN_TRY(SnapshotManifest manifest, parse_snapshot_manifest(parts.manifest));
  if (manifest.key_id != key_id_of(*signer)) {
    return fail(Code::kInvalid, fmt::format("the snapshot names key {} but is signed by key {}",
                                            manifest.key_id, key_id_of(*signer)));
  }
  return manifest;
}

}  // namespace tdn::protocol
