#include "apps/terminal/text_table.h"

#include <algorithm>
#include <cstdint>

namespace crosslaw::apps {
namespace {

bool starts_like_number(const std::string& cell) {
  size_t at = cell.find_first_not_of("+-<>~[ ");
  return cell.empty() || cell == "-" ||
         (at != std::string::npos && cell[at] >= '0' && cell[at] <= '9');
}

std::string csv_field(const std::string& cell) {
  if (cell.find_first_of(",\"\n\r") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (char c : cell) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += (i ? "," : "") + csv_field(cells[i]);
  return line + "\n";
}

}  // namespace

size_t display_width(const std::string& text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    bool wide = lead >= 0xE3 && lead <= 0xED;  // U+3000 to U+DFFF: Chinese, Japanese, Korean
    width += wide || lead >= 0xF0 ? 2 : 1;
    i += length;
  }
  return width;
}

std::string TextTable::text() const {
  size_t columns = header_.size();
  std::vector<size_t> widths(columns);
  std::vector<bool> right(columns, true);
  for (size_t c = 0; c < columns; ++c) {
    widths[c] = display_width(header_[c]);
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], display_width(row[c]));
      right[c] = right[c] && starts_like_number(row[c]);
    }
  }
  auto line = [&](const std::vector<std::string>& cells) {
    std::string result;
    for (size_t c = 0; c < columns; ++c) {
      std::string padding(widths[c] - display_width(cells[c]), ' ');
      result += (c ? "  " : "") + (right[c] ? padding + cells[c] : cells[c] + padding);
    }
    result.erase(result.find_last_not_of(' ') + 1);
    return result + "\n";
  };
  std::string result = line(header_);
  for (const auto& row : rows_) result += line(row);
  return result;
}

std::string TextTable::csv() const {
  std::string result = csv_line(header_);
  for (const auto& row : rows_) result += csv_line(row);
  return result;
}

}  // namespace crosslaw::apps
