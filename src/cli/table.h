// Tables as commands show them: columns as wide as their widest cell, two blanks between, nothing
// behind the last. Widths count characters, not bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tdn::cli {

enum class Colour : std::uint8_t { kPlain, kBold, kDim, kGood, kWarning, kBad };

// The text between terminal sequences, or as it is.
[[nodiscard]] std::string paint(std::string_view text, Colour colour, bool colours);

struct Cell {
  Cell() = default;
  Cell(std::string what) : text(std::move(what)) {}  // NOLINT(google-explicit-constructor)
  Cell(const char* what) : text(what) {}             // NOLINT(google-explicit-constructor)
  Cell(std::string what, Colour how) : text(std::move(what)), colour(how) {}
  std::string text;  // an empty one is shown as "-"
  Colour colour = Colour::kPlain;
};

enum class Align : std::uint8_t { kLeft, kRight };

class Table {
 public:
  void column(std::string title, Align align = Align::kLeft);
  // As many cells as columns (asserted).
  void row(std::vector<Cell> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  // Lines longer than `width` are cut there; 0: never.
  [[nodiscard]] std::string render(bool colours, std::size_t width = 0) const;

 private:
  struct Column {
    Cell title;
    Align align;
  };
  [[nodiscard]] std::vector<std::size_t> widths() const;
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Characters of UTF-8, each of which is taken to be one column wide.
[[nodiscard]] std::size_t width_of(std::string_view text);

}  // namespace tdn::cli
