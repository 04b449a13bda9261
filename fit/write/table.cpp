#include "fit/write/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "fit/write/latex.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kBetween = 2;  // blanks between two columns of text

std::vector<std::size_t> widths(const Table& table) {
  std::vector<std::size_t> out;
  for (const std::string& cell : table.header) out.push_back(display_width(cell));
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) out[c] = std::max(out[c], display_width(row[c]));
  }
  return out;
}

std::string padded(const std::string& cell, std::size_t to, bool left) {
  const std::string blanks(to - display_width(cell), ' ');
  return left ? cell + blanks : blanks + cell;
}

std::string text(const Table& table) {
  const std::vector<std::size_t> to = widths(table);
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    std::string one;
    for (std::size_t c = 0; c < row.size(); ++c) {
      one += std::string(c > 0 ? kBetween : 0, ' ') + padded(row[c], to[c], table.is_left(c));
    }
    one.erase(one.find_last_not_of(' ') + 1);
    out += one + "\n";
  };
  line(table.header);
  for (const auto& row : table.rows) line(row);
  return out;
}

std::string escaped(std::string_view text, char special, std::string_view by) {
  std::string out;
  for (const char c : text) {
    if (c == special) {
      out += by;
    } else {
      out += c;
    }
  }
  return out;
}

std::string markdown(const Table& table) {
  const std::vector<std::size_t> to = widths(table);
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    out += "|";
    for (std::size_t c = 0; c < row.size(); ++c) {
      out += fmt::format(" {} |", escaped(padded(row[c], to[c], table.is_left(c)), '|', "\\|"));
    }
    out += "\n";
  };
  line(table.header);
  out += "|";
  for (std::size_t c = 0; c < to.size(); ++c) {
    out +=
        table.is_left(c) ? std::string(to[c] + 2, '-') + "|" : std::string(to[c] + 1, '-') + ":|";
  }
  out += "\n";
  for (const auto& row : table.rows) line(row);
  return out;
}

std::string csv(const Table& table) {
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      const bool quote = row[c].find_first_of(",\"\r\n") != std::string::npos;
      out += c > 0 ? "," : "";
      out += quote ? fmt::format("\"{}\"", escaped(row[c], '"', "\"\"")) : row[c];
    }
    out += "\n";
  };
  line(table.header);
  for (const auto& row : table.rows) line(row);
  return out;
}

std::string latex(const Table& table) {
  const auto line = [&](const std::vector<std::string>& row) {
    std::vector<std::string> cells;
    for (const std::string& cell : row) cells.push_back(latex_cell(cell));
    return fmt::format("{} \\\\\n", fmt::join(cells, " & "));
  };
  std::string letters;
  for (std::size_t c = 0; c < table.header.size(); ++c) letters += table.is_left(c) ? 'l' : 'r';
  std::string out = "\\begin{tabular}{" + letters + "}\n\\toprule\n";
  out += line(table.header) + "\\midrule\n";
  for (const auto& row : table.rows) out += line(row);
  return out + "\\bottomrule\n\\end{tabular}\n";
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string counted(double value, int digits) {
  constexpr std::array<std::pair<double, const char*>, 4> kSuffixes = {
      {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}}};
  if (!(std::abs(value) < 1e15)) return fmt::format("{:.{}g}", value, digits);
  const double last_digit = 0.5 * std::pow(10.0, -digits);
  for (const auto& [unit, suffix] : kSuffixes) {
    // 999.96M rounds to 1000M: take the next unit instead.
    if (std::abs(value) < (1 - last_digit) * unit) continue;
    std::string text = fmt::format("{:#.{}g}", value / unit, digits);
    // 650, not 650.0: its digits are all before the point.
    const bool too_many = std::count_if(text.begin(), text.end(), is_digit) > digits;
    if (too_many && text.ends_with(".0")) text.resize(text.size() - 2);
    if (text.ends_with('.')) text.pop_back();
    return text + suffix;
  }
  return fmt::format("{:.{}g}", value, digits);
}

bool is_interval(const std::string& header) { return header.starts_with("95%"); }

std::size_t text_width(const Table& table) {
  std::size_t out = 0;
  for (const std::size_t each : widths(table)) out += each + kBetween;
  return out > 0 ? out - kBetween : 0;
}

Table first_columns(const Table& table, std::size_t count) {
  Table out = table;
  out.header.resize(count);
  for (auto& row : out.rows) row.resize(count);
  if (out.align.size() > count) out.align.resize(count);
  return out;
}

// Cells hold names from people's files, and a terminal obeys control characters.
Table shown(Table table) {
  const auto clean = [](std::string& cell) {
    std::string out;
    for (const char c : cell) {
      const auto byte = static_cast<unsigned char>(c);
      out += byte < 0x20 || byte == 0x7F ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
    cell = out;
  };
  for (std::string& cell : table.header) clean(cell);
  for (auto& row : table.rows) std::for_each(row.begin(), row.end(), clean);
  return table;
}

std::string page(const Table& table) {
  const NarrowTable narrow = narrowed(table);
  if (narrow.left_out.empty()) return text(table);
  return text(narrow.table) +
         wrapped(fmt::format("(--wide adds: {})", fmt::join(narrow.left_out, ", "))) + "\n";
}

}  // namespace

bool Table::is_left(std::size_t column) const {
  return column < align.size() ? align[column] == 'l' : column == 0;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    // The lead byte of a character tells its length; those of U+3000 to U+DFFF and beyond U+FFFF
    // are wide.
    const bool wide = (lead >= 0xE3 && lead <= 0xED) || lead >= 0xF0;
    width += wide ? 2 : 1;
    i += lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  }
  return width;
}

std::string render(const Table& table, TableFormat format) {
  switch (format) {
    case TableFormat::kText:
      return page(shown(table));
    case TableFormat::kWideText:
      return text(shown(table));
    case TableFormat::kMarkdown:
      return markdown(table);
    case TableFormat::kCsv:
      return csv(table);
    case TableFormat::kLatex:
      return latex(table);
  }
  return "";
}

std::string render(const std::vector<Table>& tables, TableFormat format) {
  std::string out;
  for (const Table& each : tables) {
    if (!each.rows.empty()) out += (out.empty() ? "" : "\n") + render(each, format);
  }
  return out;
}

Table stacked(const std::vector<std::string>& label_header, const std::vector<TablePart>& parts) {
  // A header such as "95%" may stand several times: its position among those of the same name makes
  // it unique.
  using Key = std::pair<std::string, std::size_t>;
  const auto keys_of = [](const Table& table) {
    std::map<std::string, std::size_t> seen;
    std::vector<Key> keys;
    for (const std::string& name : table.header) keys.emplace_back(name, seen[name]++);
    return keys;
  };
  std::vector<Key> columns;
  for (const TablePart& part : parts) {
    for (const Key& key : keys_of(part.table)) {
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
    }
  }
  Table out;
  out.header = label_header;
  out.align = std::string(label_header.size() + 1, 'l');  // and what names the row of a part
  for (const Key& key : columns) out.header.push_back(key.first);
  for (const TablePart& part : parts) {
    const std::vector<Key> own = keys_of(part.table);
    for (const std::vector<std::string>& row : part.table.rows) {
      std::vector<std::string> cells = part.labels;
      for (const Key& key : columns) {
        const auto found = std::find(own.begin(), own.end(), key);
        cells.push_back(found == own.end() ? ""
                                           : row[static_cast<std::size_t>(found - own.begin())]);
      }
      out.rows.push_back(std::move(cells));
    }
  }
  return out;
}

NarrowTable narrowed(const Table& table, std::size_t columns) {
  NarrowTable out{table, {}};
  // What names a row and its first answer stay, however wide they are.
  constexpr std::size_t kLeast = 2;
  std::size_t count = table.header.size();
  while (count > kLeast && text_width(out.table) > columns) {
    do {
      --count;
    } while (count > kLeast && is_interval(table.header[count]));
    out.left_out.insert(out.left_out.begin(), table.header[count]);
    out.table = first_columns(table, count);
  }
  return out;
}

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t wide = display_width(word);
    if (used > 0 && used + 1 + wide > columns) {
      out += "\n" + std::string(indent, ' ');
      used = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++used;
    }
    out += word;
    used += wide;
  }
  return out;
}

std::string latex_float(const Table& table, const std::string& caption) {
  return "\\begin{table}\n\\centering\n\\caption{" + caption + "}\n" +
         render(table, TableFormat::kLatex) + "\\end{table}\n";
}

std::string short_count(double value) { return counted(value, 4); }

std::string short_number(double value) {
  const double size = std::abs(value);
  return size >= 1e4 && size < 1e15 ? short_count(value) : fmt::format("{:.4g}", value);
}

std::string short_interval(double low, double high) {
  return fmt::format("[{}, {}]", counted(low, 3), counted(high, 3));
}

std::string exact(double value) { return fmt::format("{}", value); }

}  // namespace crosslaw::fit
