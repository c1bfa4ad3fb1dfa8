#include "codec/openai_provider.h"

#include "codec/json_reader.h"

namespace tdn::codec {
namespace {

using Type = JsonReader::Type;

// Of a member's name that nobody knows, as much as helps to find it.
constexpr std::size_t kMostShown = 40;

tl::unexpected<Error> wrong_member(std::string_view member, std::string_view what) {
  std::string name = "provider.";
  name += member.size() > kMostShown ? "…" : member;
  return fail(Error(Code::kInvalidRequest, "`" + name + "` " + std::string(what)).about(name));
}

class ProviderParser {
 public:
  ProviderParser(std::string_view object, ProviderWishes& wishes)
      : json_(object), wishes_(wishes) {}

  Result<void> run() {
    if (json_.peek() == Type::kNull) {
      return {};
    }
    if (!json_.enter_object()) {
      return fail(Error(Code::kInvalidRequest, "`provider` must be an object").about("provider"));
    }
    while (const auto key = json_.next_key()) {
      TDN_TRY_VOID(member(json_unescape(*key)));
    }
    return {};
  }

 private:
  Result<void> member(const std::string& name) {
    const unsigned bit = name == "order"             ? 1U
                         : name == "only"            ? 2U
                         : name == "ignore"          ? 4U
                         : name == "sort"            ? 8U
                         : name == "max_price"       ? 16U
                         : name == "allow_fallbacks" ? 32U
                         : name == "data_collection" ? 64U
                                                     : 0U;
    if (bit == 0) {
      return not_built(name);
    }
    if ((seen_ & bit) != 0) {
      return wrong_member(name, "is given twice");
    }
    seen_ |= bit;
    if (json_.peek() == Type::kNull) {
      json_.skip();
      return {};
    }
    switch (bit) {
      case 1U:
        return names(name, wishes_.order);
      case 2U:
        return names(name, wishes_.only);
      case 4U:
        return names(name, wishes_.ignore);
      case 8U:
        return sort();
      case 16U:
        return max_price();
      case 32U:
        return flag(name, wishes_.allow_fallbacks);
      default:
        return data_collection();
    }
  }

  // What asks for nothing may be there.
  Result<void> not_built(std::string_view name) {
    const std::string_view value = json_.skip();
    if (value == "null" || value == "false" || value == "[]" || value == "{}") {
      return {};
    }
    return wrong_member(
        name,
        "is not something this service can heed; leave it out. It knows order, only, "
        "ignore, sort, max_price, allow_fallbacks and data_collection");
  }

  Result<void> names(std::string_view member, std::vector<std::string>& into) {
    if (json_.peek() != Type::kArray) {
      return wrong_member(member, "must be a list of provider names");
    }
    json_.enter_array();
    while (json_.next_element()) {
      if (json_.peek() != Type::kString) {
        return wrong_member(member, "must be a list of provider names");
      }
      if (into.size() == ProviderWishes::kMostNames) {
        return wrong_member(member, "holds more than 64 names");
      }
      into.push_back(json_unescape(json_.string()));
    }
    return {};
  }

  Result<void> sort() {
    using Sort = ProviderWishes::Sort;
    const std::string_view value = json_.peek() == Type::kString ? json_.string() : json_.skip();
    if (value == "price") {
      wishes_.sort = Sort::kPrice;
    } else if (value == "throughput") {
      wishes_.sort = Sort::kThroughput;
    } else if (value == "latency") {
      wishes_.sort = Sort::kLatency;
    } else {
      return wrong_member("sort", "must be \"price\", \"throughput\" or \"latency\"");
    }
    return {};
  }

  Result<void> max_price() {
    if (json_.peek() != Type::kObject) {
      return wrong_member("max_price", "must be an object with prompt and completion");
    }
    json_.enter_object();
    while (const auto key = json_.next_key()) {
      const std::string name = "max_price." + json_unescape(*key);
      std::optional<Price>* const into = name == "max_price.prompt"       ? &wishes_.most_input
                                         : name == "max_price.completion" ? &wishes_.most_output
                                                                          : nullptr;
      if (into == nullptr) {
        TDN_TRY_VOID(not_built(name));
        continue;
      }
      const std::string_view text = json_.peek() == Type::kString ? json_.string() : json_.skip();
      if (text == "null") {
        continue;
      }
      const Result<Price> price = parse_price_limit(text);
      if (!price) {
        return wrong_member(name, "must be a price per million tokens, like 0.5 or \"0.5\"");
      }
      *into = *price;
    }
    return {};
  }

  Result<void> flag(std::string_view name, bool& into) {
    const std::string_view value = json_.skip();
    if (value != "true" && value != "false") {
      return wrong_member(name, "must be true or false");
    }
    into = value == "true";
    return {};
  }

  Result<void> data_collection() {
    const std::string_view value = json_.peek() == Type::kString ? json_.string() : json_.skip();
    if (value != "allow" && value != "deny") {
      return wrong_member("data_collection", "must be \"allow\" or \"deny\"");
    }
    wishes_.deny_data_collection = value == "deny";
    return {};
  }

  JsonReader json_;
  ProviderWishes& wishes_;
  unsigned seen_ = 0;
};

}  // namespace

Result<ProviderWishes> parse_provider(std::string_view object) {
  ProviderWishes wishes;
  TDN_TRY_VOID(ProviderParser(object, wishes).run());
  return wishes;
}

}  // namespace tdn::codec
