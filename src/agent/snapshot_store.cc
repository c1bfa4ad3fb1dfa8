#include "agent/snapshot_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/log.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::agent {
namespace {

constexpr std::string_view kCurrent = "current.json";
constexpr std::string_view kContact = "contact.json";

std::string name_of(const protocol::SectionRef& ref) { return codec::to_hex(ref.sha256); }

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

SnapshotStore::SnapshotStore(io::Disk& disk, std::string state_dir)
    : disk_(disk), dir_(std::move(state_dir) + "/snapshot") {}

std::string SnapshotStore::path(std::string_view name) const {
  return fmt::format("{}/{}", dir_, name);
}

Result<void> SnapshotStore::open(const codec::Ed25519PublicKey& control_key) {
  TDN_TRY_VOID(disk_.make_dir(dir_));
  const auto bytes = io::read_file(disk_, path(kCurrent));
  if (!bytes) {
    if (bytes.error().code() != Code::kMissing) {
      return fail(bytes.error());
    }
    trust_ = {.pinned = control_key, .keys = {control_key}, .network = {}};
    return write_current();
  }
  TDN_TRY_VOID(parse_current(text_of(*bytes)));
  const bool known = control_key == trust_.pinned ||
                     std::ranges::find(trust_.keys, control_key) != trust_.keys.end();
  if (!known) {
    return fail(
        Code::kInvalid,
        fmt::format("--control-key is not the key that was pinned in {} at the first start; "
                    "to trust another control, stop the edge and remove that file",
                    path(kCurrent)));
  }
  return {};
}

Result<void> SnapshotStore::write_current() {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("pinned").string(codec::to_base64(trust_.pinned));
  json.key("keys").begin_array();
  for (const codec::Ed25519PublicKey& key : trust_.keys) {
    json.string(codec::to_base64(key));
  }
  json.end_array();
  if (trust_.network) {
    json.key("networkId").string(to_string(*trust_.network));
  }
  if (signer_) {
    json.key("signer").string(codec::to_base64(*signer_));
    json.key("envelope").raw(envelope_);
  }
  json.end_object();
  return io::replace_file(disk_, path(kCurrent), bytes_of(text + "\n"));
}

Result<void> SnapshotStore::parse_current(std::string_view text) {
  codec::JsonReader json(text);
  bool good = true;
  const auto read_key = [&] {
    const auto key = codec::parse_ed25519_public_key(json.string());
    good = good && key.has_value();
    return key.value_or(codec::Ed25519PublicKey{});
  };
  bool pinned = false;
  if (json.enter_object()) {
    while (const auto name = json.next_key()) {
      if (*name == "pinned") {
        trust_.pinned = read_key();
        pinned = true;
      } else if (*name == "keys" && json.enter_array()) {
        while (json.next_element()) {
          trust_.keys.push_back(read_key());
        }
      } else if (*name == "networkId") {
        trust_.network = Uid::parse(json.string());
        good = good && trust_.network.has_value();
      } else if (*name == "signer") {
        signer_ = read_key();
      } else if (*name == "envelope") {
        envelope_ = json.skip();
      } else {
        json.skip();
      }
    }
  }
  if (!json.finish() || !good || !pinned || trust_.keys.empty()) {
    return fail(Code::kCorrupt,
                fmt::format("{}: damaged; remove it to start afresh with --control-key, or restore "
                            "it from a backup of the state folder",
                            path(kCurrent)));
  }
  return {};
}

Result<std::optional<StoredSnapshot>> SnapshotStore::current() {
  if (!signer_) {
    return std::optional<StoredSnapshot>();
  }
  auto manifest = protocol::open_snapshot_envelope(envelope_, std::span(&*signer_, 1));
  if (!manifest) {
    return fail(manifest.error().with(path(kCurrent)));
  }
  return std::optional(StoredSnapshot{envelope_, *std::move(manifest)});
}

bool SnapshotStore::has(const protocol::SectionRef& ref) {
  const auto bytes = read(ref);
  return bytes && bytes->size() == ref.bytes && codec::sha256(bytes_of(*bytes)) == ref.sha256;
}

Result<void> SnapshotStore::put(const protocol::SectionRef& ref, std::string_view bytes) {
  return io::replace_file(disk_, path(name_of(ref)), bytes_of(bytes));
}

Result<std::string> SnapshotStore::read(const protocol::SectionRef& ref) {
  TDN_TRY(const std::vector<std::uint8_t> bytes, io::read_file(disk_, path(name_of(ref))));
  return std::string(text_of(bytes));
}

Result<void> SnapshotStore::commit(const StoredSnapshot& snapshot,
                                   std::span<const codec::Ed25519PublicKey> trusted) {
  const auto signer = std::ranges::find_if(trust_.keys, [&](const codec::Ed25519PublicKey& key) {
    return protocol::key_id_of(key) == snapshot.manifest.key_id;
  });
  if (signer == trust_.keys.end()) {
    return fail(Code::kInvalid, "the snapshot is not signed by a key that is trusted here");
  }
  const Trust before = trust_;
  const auto signer_before = signer_;
  const std::string envelope_before = envelope_;
  signer_ = *signer;
  envelope_ = snapshot.envelope;
  trust_.network = snapshot.manifest.network;
  trust_.keys.assign(trusted.begin(), trusted.end());
  if (const auto written = write_current(); !written) {
    trust_ = before;
    signer_ = signer_before;
    envelope_ = envelope_before;
    return fail(written.error());
  }
  remove_unnamed(snapshot.manifest);
  return {};
}

// What cannot be removed is removed with the next one.
void SnapshotStore::remove_unnamed(const protocol::SnapshotManifest& manifest) {
  std::set<std::string> named{std::string(kCurrent), std::string(kContact)};
  for (const protocol::SectionRef& ref : manifest.sections) {
    named.insert(name_of(ref));
  }
  const auto names = disk_.list(dir_);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    if (!named.contains(name)) {
      static_cast<void>(disk_.remove(path(name)));
    }
  }
}

Result<void> SnapshotStore::write_contact(const Contact& contact) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("machineBoot").string(contact.machine_boot);
  json.key("boottime").string(fmt::format("{}", contact.at.count()));
  json.key("age").string(fmt::format("{}", contact.age.count())).end_object();
  return io::replace_file(disk_, path(kContact), bytes_of(text + "\n"));
}

std::optional<Contact> SnapshotStore::read_contact() {
  const auto bytes = io::read_file(disk_, path(kContact));
  if (!bytes) {
    return std::nullopt;
  }
  Contact contact;
  std::int64_t at = -1;
  std::int64_t age = -1;
  codec::JsonReader json(text_of(*bytes));
  bool good = true;
  if (json.enter_object()) {
    while (const auto name = json.next_key()) {
      if (*name == "machineBoot") {
        contact.machine_boot = codec::json_unescape(json.string());
      } else if (*name == "boottime") {
        good = good && parse_number(json.string(), at);
      } else if (*name == "age") {
        good = good && parse_number(json.string(), age);
      } else {
        json.skip();
      }
    }
  }
  if (!json.finish() || !good || at < 0 || age < 0) {
    log_warning("agent", "ignoring a file that cannot be understood", {{"file", path(kContact)}});
    return std::nullopt;
  }
  contact.at = Instant(at);
  contact.age = Duration(age);
  return contact;
}

Duration contact_age(const std::optional<Contact>& contact, std::string_view machine_boot,
                     Instant now, Duration slack) {
  if (!contact) {
    return Duration::max();
  }
  if (contact->machine_boot == machine_boot && now >= contact->at) {
    return contact->age + (now - contact->at);
  }
  return contact->age + slack;
}

}  // namespace tdn::agent
