#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace tdn::cli {
namespace {

constexpr std::size_t kGap = 2;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// At most so many characters of it.
std::string_view cut(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (begins_character(text[at]) && width-- == 0) {
      break;
    }
  }
  return text.substr(0, at);
}

std::string_view shown(const Cell& cell) {
  return cell.text.empty() ? std::string_view("-") : std::string_view(cell.text);
}

// Appends to one line, no further than its width.
class Line {
 public:
  Line(std::string& out, bool colours, std::size_t width)
      : out_(out), colours_(colours), left_(width == 0 ? ~std::size_t{0} : width) {}

  void blanks(std::size_t count) { pending_ += count; }
  void text(std::string_view text, Colour colour) {
    if (pending_ >= left_) {
      left_ = 0;
      return;
    }
    out_.append(pending_, ' ');
    left_ -= pending_;
    pending_ = 0;
    const std::string_view fits = cut(text, left_);
    left_ -= width_of(fits);
    out_ += paint(fits, colour, colours_);
  }

 private:
  std::string& out_;
  bool colours_;
  std::size_t left_;
  std::size_t pending_ = 0;  // written only if something follows
};

}  // namespace

std::string paint(std::string_view text, Colour colour, bool colours) {
  constexpr std::string_view kCodes[] = {"0", "1", "2", "32", "33", "31"};
  if (!colours || colour == Colour::kPlain || text.empty()) {
    return std::string(text);
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(colour)], text);
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

void Table::column(std::string title, Align align) {
  columns_.push_back({Cell(std::move(title), Colour::kDim), align});
}

void Table::row(std::vector<Cell> cells) {
  TDN_ASSERT(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = width_of(columns_[i].title.text);
    for (const std::vector<Cell>& row : rows_) {
      width = std::max(width, width_of(shown(row[i])));
    }
    widths.push_back(width);
  }
  return widths;
}

std::string Table::render(bool colours, std::size_t width) const {
  const std::vector<std::size_t> widths = this->widths();
  std::string out;
  const auto write = [&](const Cell& cell, std::size_t i, Line& line) {
    const std::size_t fill = widths[i] - width_of(shown(cell));
    const bool right = columns_[i].align == Align::kRight;
    line.blanks((i == 0 ? 0 : kGap) + (right ? fill : 0));
    line.text(shown(cell), cell.colour);
    line.blanks(right ? 0 : fill);
  };
  Line head(out, colours, width);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    write(columns_[i].title, i, head);
  }
  out += '\n';
  for (const std::vector<Cell>& row : rows_) {
    Line line(out, colours, width);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      write(row[i], i, line);
    }
    out += '\n';
  }
  return out;
}

}  // namespace tdn::cli
