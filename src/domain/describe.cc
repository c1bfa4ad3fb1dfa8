// Every field of every kind: its name, its rule and what it is for. The only place that says so.
#include "domain/fields.h"

namespace tdn::domain {
namespace {

constexpr std::int64_t kMostPerMinute = 1'000'000'000;
constexpr std::int64_t kMostAtOnce = 1'000'000;
constexpr std::size_t kMostElements = 10'000;

void describe(FieldVisitor& fields, LimitsSpec& limits);
void describe(FieldVisitor& fields, Credential& credential);
void describe(FieldVisitor& fields, MatchSpec& match);
void describe(FieldVisitor& fields, RequireSpec& require);

template <class T>
void list_of(FieldVisitor& fields, const Field& field, std::size_t most, std::vector<T>& items,
             void (*describe_item)(FieldVisitor&, T&)) {
  fields.list(field, {.size = items.size(),
                      .most = most,
                      .append =
                          [&](FieldVisitor& inner) {
                            T item;
                            describe_item(inner, item);
                            items.push_back(std::move(item));
                          },
                      .at = [&](FieldVisitor& inner,
                                std::size_t i) { describe_item(inner, items.at(i)); }});
}

template <class T>
void object_of(FieldVisitor& fields, const Field& field, T& value) {
  fields.object(field, [&](FieldVisitor& inner) { describe(inner, value); });
}

void describe(FieldVisitor& fields, LimitsSpec& limits) {
  const IntegerRule per_minute{.minimum = 0, .maximum = kMostPerMinute};
  fields.integer(
      {.name = "requestsPerMinute",
       .prose = "Requests per minute, counted per site; a full minute's worth may come at "
                "once. 0 is unlimited."},
      per_minute, limits.requests_per_minute);
  fields.integer(
      {.name = "tokensPerMinute",
       .prose = "Tokens per minute, input and output together, counted per site: a request "
                "reserves its bytes and its `max_tokens`, what it really used is set "
                "right at its end. 0 is unlimited."},
      per_minute, limits.tokens_per_minute);
  fields.integer(
      {.name = "concurrency", .prose = "Requests open at once, counted per site. 0 is unlimited."},
      {.minimum = 0, .maximum = kMostAtOnce}, limits.concurrency);
}

void describe_limits(FieldVisitor& fields, LimitsSpec& limits, Objective& objective) {
  object_of(fields,
            {.name = "limits",
             .prose = "Limits of this level; tenant, project and key are each charged."},
            limits);
  fields.not_built({.name = "budget", .prose = "Tokens or money that may be spent."});
  static constexpr std::string_view kObjectives[] = {"", "balanced", "latency", "cost"};
  fields.choice(
      {.name = "objective",
       .prose = "What routing makes small: `latency` the time to the first token, `cost` the "
                "price, `balanced` both, a hundred seconds being worth a unit of currency. The "
                "nearest level that sets it wins.",
       .shown_default = "that of the level above; at last `balanced`"},
      {.names = kObjectives, .built = 4, .instead = ""}, objective);
}

void describe_served(FieldVisitor& fields, ServedModel& served) {
  fields.text({.name = "model", .prose = "A Model by name.", .required = true},
              {.format = Format::kName, .refers = Kind::kModel}, served.model);
  fields.text(
      {.name = "as", .prose = "What the engine calls it.", .shown_default = "the model's name"},
      {.format = Format::kEngineModel}, served.as);
}

void describe(FieldVisitor& fields, Credential& credential) {
  fields.text(
      {.name = "file",
       .prose = "A file whose first line is the secret; relative to the manifest's folder."},
      {.format = Format::kPath}, credential.file);
  fields.text({.name = "env", .prose = "An environment variable that holds the secret."},
              {.format = Format::kVariable}, credential.env);
}

void describe_secret(FieldVisitor& fields, SecretSpec& secret) {
  fields.text({.name = "id", .prose = "The key's public part.", .required = true},
              {.format = Format::kKeyId}, secret.id);
  fields.text({.name = "sha256", .prose = "SHA-256 of the whole key.", .required = true},
              {.format = Format::kSha256}, secret.sha256);
}

void describe(FieldVisitor& fields, MatchSpec& match) {
  fields.texts(
      {.name = "tenants", .prose = "Any of these tenants. Empty: any, as everywhere here."},
      {.format = Format::kName, .refers = Kind::kTenant}, match.tenants);
  fields.texts({.name = "projects", .prose = "Any of these projects."},
               {.format = Format::kName, .refers = Kind::kProject}, match.projects);
  fields.texts({.name = "keys", .prose = "Any of these keys."},
               {.format = Format::kName, .refers = Kind::kKey}, match.keys);
  fields.texts({.name = "models", .prose = "Any of these models."},
               {.format = Format::kName, .refers = Kind::kModel}, match.models);
  fields.texts({.name = "clientCountries",
                .prose = "The client is in one of these countries; one whose country is not known "
                         "is in none."},
               {.format = Format::kCountry}, match.client_countries);
  fields.texts({.name = "dataClasses", .prose = "Class of the request's data."},
               {.format = Format::kToken, .built = false}, match.data_classes);
}

void describe(FieldVisitor& fields, RequireSpec& require) {
  fields.texts({.name = "zones", .prose = "The serving site is in one of these zones."},
               {.format = Format::kName, .refers = Kind::kZone}, require.zones);
}

void describe_rule(FieldVisitor& fields, RuleSpec& rule) {
  object_of(fields,
            {.name = "match",
             .prose = "Whom the rule is about: all of the lists must match; `{}` is everybody."},
            rule.match);
  object_of(fields, {.name = "require", .prose = "Where matching requests may be processed."},
            rule.require);
  fields.text(
      {.name = "deny", .prose = "Refuses matching requests; the text is told to the client."},
      {.format = Format::kText}, rule.deny);
  fields.flag({.name = "allow",
               .prose = "Lets matching requests pass this policy; of use before wider rules."},
              rule.allow);
}

}  // namespace

std::string_view prose_of(Kind kind) {
  switch (kind) {
    case Kind::kZone:
      return "A named set of jurisdictions. A site is in the zone if its country is listed, its "
             "legal "
             "operator is listed and it holds all the certifications; an empty list asks nothing, "
             "but "
             "one of the three must ask something.";
    case Kind::kSite:
      return "A place with engines and, usually, a gateway.";
    case Kind::kModel:
      return "A model under its public name, with its list price.";
    case Kind::kEndpoint:
      return "An engine that can be reached, and what it serves.";
    case Kind::kTenant:
      return "A customer.";
    case Kind::kProject:
      return "A part of a tenant: `tenant/project`. The tenant must exist.";
    case Kind::kKey:
      return "An API key: `tenant/project/key`. The project must exist. `tdn key new` prints a "
             "secret "
             "and the line for `secrets`.";
    case Kind::kPolicy:
      return "Who may be processed where. In each policy the first rule that matches decides, and "
             "no "
             "match allows; where several policies speak, all must be satisfied.";
  }
  return "";
}

void describe(FieldVisitor& fields, Metadata& metadata) {
  fields.text(
      {.name = "name",
       .prose = "DNS labels, at most 63 characters each; projects and keys nest with slashes.",
       .required = true},
      {.format = Format::kName}, metadata.name);
  fields.labels({.name = "labels", .prose = "Your own data, to select by."}, metadata.labels);
  fields.labels({.name = "annotations", .prose = "Your own data."}, metadata.annotations);
  fields.text({.name = "uid", .prose = "Written by tdn, ignored when applied."},
              {.format = Format::kUid}, metadata.uid);
  fields.text({.name = "resourceVersion",
               .prose = "Written by tdn. Applied, it must be the current one, so that no change of "
                        "somebody else is overwritten; left out, the last writer wins."},
              {.format = Format::kCount}, metadata.resource_version);
  fields.time({.name = "createdAt", .prose = "Written by tdn, ignored when applied."},
              metadata.created_at);
}

void describe(FieldVisitor& fields, ZoneSpec& spec) {
  fields.texts({.name = "countries", .prose = "Countries the site may stand in."},
               {.format = Format::kCountry}, spec.countries);
  fields.texts({.name = "operators", .prose = "Legal operators the site may have."},
               {.format = Format::kToken}, spec.operators);
  fields.texts(
      {.name = "certifications", .prose = "Certifications the site must hold, all of them."},
      {.format = Format::kToken}, spec.certifications);
}

void describe(FieldVisitor& fields, Location& location) {
  fields.text({.name = "country", .prose = "Where the machines stand.", .required = true},
              {.format = Format::kCountry}, location.country);
  fields.text({.name = "city", .prose = "For people."}, {.format = Format::kText}, location.city);
  fields.degrees({.name = "latitude", .prose = "Degrees, north positive.", .required = true}, 90,
                 location.latitude);
  fields.degrees({.name = "longitude", .prose = "Degrees, east positive.", .required = true}, 180,
                 location.longitude);
}

void describe(FieldVisitor& fields, Jurisdiction& jurisdiction) {
  fields.text({.name = "operator", .prose = "The legal person that runs the site."},
              {.format = Format::kToken}, jurisdiction.legal_operator);
  fields.text({.name = "keyCustody", .prose = "Country under whose law the keys are held."},
              {.format = Format::kCountry}, jurisdiction.key_custody);
  fields.text({.name = "logResidency", .prose = "Country where the logs stay."},
              {.format = Format::kCountry}, jurisdiction.log_residency);
  fields.texts({.name = "certifications", .prose = "Certifications held."},
               {.format = Format::kToken}, jurisdiction.certifications);
}

void describe(FieldVisitor& fields, SiteSpec& spec) {
  static constexpr std::string_view kReaches[] = {"direct", "outbound"};
  static constexpr std::string_view kStates[] = {"active", "cordoned", "draining"};
  fields.object({.name = "location", .prose = "Where it is.", .required = true},
                [&](FieldVisitor& inner) { describe(inner, spec.location); });
  object_of(fields, {.name = "jurisdiction", .prose = "Whose law it is under."}, spec.jurisdiction);
  fields.text({.name = "gateway", .prose = "Where clients reach the site's gateway."},
              {.format = Format::kHttpUrl}, spec.gateway);
  fields.choice({.name = "reach", .prose = "How peers reach it."},
                {.names = kReaches, .built = 1, .instead = "use direct"}, spec.reach);
  fields.text({.name = "owner", .prose = "The account paid for its work: `accounts/NAME`."},
              {.format = Format::kAccount}, spec.owner);
  fields.choice(
      {.name = "state",
       .prose = "`cordoned` and `draining` sites get no new requests; those in progress end "
                "in peace."},
      {.names = kStates, .built = 3, .instead = ""}, spec.state);
}

void describe(FieldVisitor& fields, PriceSpec& price) {
  fields.text({.name = "currency", .prose = "ISO 4217."}, {.format = Format::kCurrency},
              price.currency);
  fields.object(
      {.name = "perMillion",
       .prose = "Per million tokens: decimals of at most six places, in quotes."},
      [&](FieldVisitor& inner) {
        inner.price({.name = "input", .prose = "Input, and writes to the cache."}, price.input);
        inner.price({.name = "cachedInput",
                     .prose = "Input read from the cache.",
                     .shown_default = "the price of input"},
                    price.cached_input);
        inner.price({.name = "output", .prose = "Output, reasoning included."}, price.output);
      });
}

void describe(FieldVisitor& fields, ModelSpec& spec) {
  fields.texts({.name = "aliases", .prose = "Other names that clients may ask for."},
               {.format = Format::kModelAlias}, spec.aliases);
  fields.integer({.name = "contextLength",
                  .prose = "Tokens of input and output together, as told to clients; the engine's "
                           "own bound is what refuses. 0: not stated."},
                 {.minimum = 0, .maximum = 1'000'000'000}, spec.context_length);
  object_of(fields, {.name = "price", .prose = "The list price."}, spec.price);
}

void describe(FieldVisitor& fields, EndpointSpec& spec) {
  static constexpr std::string_view kEngines[] = {"tdn", "openai", "llamacpp", "vllm", "sglang"};
  static constexpr std::string_view kCollection[] = {"deny", "allow"};
  fields.text({.name = "site", .prose = "The Site it stands at.", .required = true},
              {.format = Format::kName, .refers = Kind::kSite}, spec.site);
  fields.choice({.name = "kind",
                 .prose = "`tdn` for `tdn engine`, `openai` for anything that speaks OpenAI's API; "
                          "of the others the load is read from their metrics.",
                 .required = true},
                {.names = kEngines, .built = 5, .instead = ""}, spec.kind);
  fields.text({.name = "url",
               .prose = "Without `/v1`. Of https the certificate and its name are always verified.",
               .required = true},
              {.format = Format::kEngineUrl}, spec.url);
  list_of<ServedModel>(fields, {.name = "models", .prose = "What it serves.", .required = true},
                       kMostElements, spec.models, &describe_served);
  fields.integer({.name = "concurrency",
                  .prose = "Requests at once from this edge; beyond it others are chosen, at last "
                           "`overloaded`."},
                 {.minimum = 1, .maximum = kMostAtOnce}, spec.concurrency);
  fields.optional_object(
      {.name = "cost",
       .prose =
           "What a token costs the operator: compared where the objective is `cost`, and kept in "
           "the books.",
       .shown_default = "each model's price"},
      spec.cost.has_value(), [&] { spec.cost.emplace(); },
      [&](FieldVisitor& inner) { describe(inner, *spec.cost); });
  fields.choice({.name = "dataCollection",
                 .prose = "Whether the engine's owner keeps prompts. Requests whose `provider` has "
                          "`data_collection: deny` are not sent to one that does."},
                {.names = kCollection, .built = 2, .instead = ""}, spec.data_collection);
  object_of(fields,
            {.name = "credential",
             .prose = "Where the engine's own API key is found, never the key itself."},
            spec.credential);
}

void describe(FieldVisitor& fields, TenantSpec& spec) {
  fields.text({.name = "displayName", .prose = "For people."}, {.format = Format::kText},
              spec.display_name);
  fields.text({.name = "partner", .prose = "The partner it is a customer of."},
              {.format = Format::kName, .built = false}, spec.partner);
  fields.not_built({.name = "privacy", .prose = "What may be kept of its requests."});
  describe_limits(fields, spec.limits, spec.objective);
}

void describe(FieldVisitor& fields, ProjectSpec& spec) {
  describe_limits(fields, spec.limits, spec.objective);
}

void describe(FieldVisitor& fields, KeySpec& spec) {
  constexpr std::size_t kLiveSecrets = 2;  // the old and the new one while rotating
  fields.texts({.name = "models", .prose = "Models it may use. Empty: all that policy allows."},
               {.format = Format::kName, .refers = Kind::kModel}, spec.models);
  describe_limits(fields, spec.limits, spec.objective);
  fields.time(
      {.name = "expires", .prose = "From this moment on it is refused.", .shown_default = "never"},
      spec.expires);
  list_of<SecretSpec>(fields,
                      {.name = "secrets",
                       .prose = "Lines printed by `tdn key new`; two at most, so that keys can be "
                                "changed without a gap."},
                      kLiveSecrets, spec.secrets, &describe_secret);
  fields.texts({.name = "revoked",
                .prose = "Ids of secrets that were revoked; control writes them, so that no older "
                         "manifest brings one back."},
               {.format = Format::kKeyId}, spec.revoked);
}

void describe(FieldVisitor& fields, PolicySpec& spec) {
  list_of<RuleSpec>(
      fields,
      {.name = "rules",
       .prose = "The first that matches decides; each holds one of `require`, `deny`, "
                "`allow`."},
      kMostElements, spec.rules, &describe_rule);
}

}  // namespace tdn::domain
