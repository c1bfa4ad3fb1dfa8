// From tokens to money at list price.
#pragma once

#include "base/currency.h"
#include "base/money.h"
#include "meter/usage_vector.h"

namespace tdn::meter {

// What a model costs per token. Reading from cache has a price of its own; every other input class,
// cache writes included, costs `input`; every output class costs `output`. The counters
// (characters, audio time, tools) have no price here.
struct ListPrice {
  Currency currency;
  Price input;
  Price cached_input;
  Price output;

  bool operator==(const ListPrice&) const = default;
  [[nodiscard]] Amount charge(const TokenTotals& totals) const {
    return cost(input, totals.input) + cost(cached_input, totals.cached_input) +
           cost(output, totals.output);
  }

 private:
  // In 128 bits, so that no count overflows.
  [[nodiscard]] static Amount cost(Price price, std::uint64_t tokens) {
    return static_cast<Amount>(price.pico) * static_cast<Amount>(tokens);
  }
};

}  // namespace tdn::meter
