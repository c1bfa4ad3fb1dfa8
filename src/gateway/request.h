// Everything the gateway knows of one request, filled in phase by phase (phases.h), and what the
// phases share. Lives in the frame of `Gateway::handle`; one strand uses it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uid.h"
#include "codec/openai.h"
#include "domain/snapshot.h"
#include "gateway/catalogue.h"
#include "gateway/client_location.h"
#include "gateway/durable.h"
#include "gateway/hop.h"
#include "http/server_connection.h"
#include "meter/books.h"
#include "meter/usage_record.h"
#include "quota/reservation.h"
#include "route/decide.h"
#include "route/preferences.h"

namespace tdn::gateway {

// What is asked of us, by method and path.
enum class Target : std::uint8_t { kGenerate, kExplain, kListModels, kShowModel };

struct Request {
  Request(http::ServerConnection& its_client, std::shared_ptr<const Catalogue> its_catalogue)
      : client(its_client), catalogue(std::move(its_catalogue)) {}

  [[nodiscard]] const domain::Snapshot& snapshot() const { return catalogue->snapshot(); }

  http::ServerConnection& client;
  const std::shared_ptr<const Catalogue> catalogue;  // of the moment it began

  // accept
  RequestId id;
  std::array<char, 36> id_text{};
  Instant arrived{};
  WallTime arrived_wall;
  Target target = Target::kGenerate;
  codec::Operation operation = codec::Operation::kChatCompletions;
  std::string_view path;         // a literal, as sent to the engine: "/v1/chat/completions"
  std::string model_in_path;     // kShowModel
  std::string client_reference;  // x-client-request-id, echoed
  std::string trace_parent;
  ClientLocation location;
  std::vector<std::string> tags;  // tdn-tags
  bool from_peer = false;         // through the peer listener
  std::unique_ptr<Hop> hop;       // of one from a peer, once its token was found good; else null

  // authenticate
  const domain::Key* key = nullptr;

  // read body, parse
  std::string_view body;
  codec::RequestScan scan;
  codec::Digest user_hash{};  // zero: no user was named

  // policy 2
  domain::ModelIndex model;
  bool by_alias = false;
  const domain::Outcome* outcome = nullptr;

  // choose
  std::unique_ptr<const route::Preferences> preferences;  // null: the request has none

  // admit
  quota::Reservation reservation;
  std::optional<meter::AdmissionHandle> admission;  // from first dispatch to settlement
  // Set when the admission is on disk; nothing if nobody waits for that.
  std::optional<Durable> admitted;
  // What was dispatched last.
  struct Dispatched {
    domain::EndpointIndex endpoint;
    std::uint64_t leg = 0;
    bool forwarded = false;
  } last;

  // For the request log.
  struct Told {
    std::uint32_t endpoint = UINT32_MAX;  // taken last
    std::uint16_t status = 0;             // of an engine's answer that was passed on
    bool interrupted = false;             // which broke off
    std::uint8_t attempts = 0;
    route::Reason reason = route::Reason::kNone;
    meter::TokenTotals tokens;
  } told;

  // of the answer
  std::uint64_t retry_after_s = 1;  // for an error with Retry-After
  Instant dispatched{};             // the attempt that answered left for the engine
  Instant first_byte{};             // of the answer, zero before
  Instant last_token{};
  bool answered = false;  // something of an answer was sent
  // Endpoints whose engine failed at it, rather than the way there: two, and the request itself is
  // suspect.
  int engines_failed = 0;

  // What spreads requests over endpoints that are equally good: of its id and of the catalogue.
  [[nodiscard]] std::uint64_t spread() const {
    std::uint64_t spread = catalogue->number() << 1U | 1U;
    for (const std::uint8_t byte : id.uid.bytes) {
      spread = spread * 31 + byte;
    }
    return spread | 1U;
  }
  [[nodiscard]] std::string_view id_view() const { return {id_text.data(), id_text.size()}; }
};

}  // namespace tdn::gateway
