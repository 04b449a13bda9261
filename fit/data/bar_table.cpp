#include "fit/data/bar_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

#include "fit/data/column_role.h"
#include "fit/data/field_reader.h"

namespace crosslaw::fit {
namespace {

struct BarLine {
  std::size_t number = 0;  // of the file, 1-based
  std::string_view text;
};

struct BarTable {
  std::size_t line = 0;  // of the header
  Fields header;
  bool framed = false;                               // its lines begin with a bar
  std::vector<std::pair<std::size_t, Fields>> rows;  // each with its line
};

// "|---|:-:|"; also the lines of tables that terminals, Org and reStructuredText draw.
bool is_rule(std::string_view line) {
  line = trimmed(line);
  return line.find_first_of("-=") != std::string_view::npos &&
         line.find_first_of("|+") != std::string_view::npos &&
         line.find_first_not_of("|+-=: \t") == std::string_view::npos;
}

// What libraries draw with: Rich, Polars, DuckDB. Corners and crossings stand for "+".
constexpr std::pair<std::string_view, char> kDrawn[] = {
    {"│", '|'}, {"┃", '|'}, {"║", '|'}, {"┆", '|'}, {"┊", '|'},
    {"─", '-'}, {"━", '-'}, {"╌", '-'}, {"┄", '-'}, {"═", '='}};

// U+2500 to U+257F, each of three bytes that begin with these.
bool is_drawn(std::string_view text, std::size_t at) {
  return at + 2 < text.size() && text[at] == '\xE2' &&
         (text[at + 1] == '\x94' || text[at + 1] == '\x95');
}

std::string with_plain_bars(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_drawn(text, i)) {
      out += text[i];
      continue;
    }
    const std::string_view drawn = text.substr(i, 3);
    const auto found = std::find_if(std::begin(kDrawn), std::end(kDrawn),
                                    [&](const auto& each) { return each.first == drawn; });
    out += found == std::end(kDrawn) ? '+' : found->second;
    i += 2;
  }
  return out;
}

bool is_type_name(std::string_view cell) {
  static const std::set<std::string, std::less<>> names = {
      "i8",     "i16",   "i32",    "i64",     "int8",  "int16",  "int32",   "int64",   "integer",
      "bigint", "u8",    "u16",    "u32",     "u64",   "uint32", "uint64",  "hugeint", "f32",
      "f64",    "float", "double", "decimal", "str",   "string", "varchar", "bool",    "boolean",
      "object", "date",  "cat",    "enum",    "uint8", "uint16", "float32", "float64", "timestamp"};
  return names.contains(cell);
}

bool is_ellipsis(std::string_view cell) { return cell == "…" || cell == "..." || cell == "·"; }

bool has_bar(std::string_view line) { return line.find('|') != std::string_view::npos; }

std::vector<BarLine> lines_of(std::string_view text) {
  std::vector<BarLine> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out.push_back({out.size() + 1, trimmed(text.substr(0, end))});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Fields cells_of(std::string_view line) {
  if (line.starts_with("|")) line.remove_prefix(1);
  if (line.ends_with("|") && !line.ends_with("\\|")) line.remove_suffix(1);
  Fields out(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      out.back() += line[++i];
    } else if (line[i] == '|') {
      out.emplace_back();
    } else {
      out.back() += line[i];
    }
  }
  for (std::string& cell : out) {  // bold and code are dress
    std::string_view bare = trimmed(cell);
    for (const char* mark : {"**", "`"}) {
      const std::string_view m = mark;
      if (bare.size() >= 2 * m.size() && bare.starts_with(m) && bare.ends_with(m)) {
        bare = trimmed(bare.substr(m.size(), bare.size() - 2 * m.size()));
      }
    }
    cell = std::string(bare);
  }
  return out;
}

class BarTables {
 public:
  BarTables(std::string_view text, const std::string& name) : name_(name), lines_(lines_of(text)) {
    // Libraries write the types of the columns under the header, before its rule.
    std::erase_if(lines_, [](const BarLine& line) {
      const Fields cells = has_bar(line.text) ? cells_of(line.text) : Fields();
      return !cells.empty() && std::all_of(cells.begin(), cells.end(), is_type_name);
    });
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].text.empty() || is_rule(lines_[i].text)) continue;
      if (begins_table(i)) {
        const std::string_view line = lines_[i].text;
        tables.push_back({lines_[i].number, cells_of(line), line.starts_with("|"), {}});
      } else if (!take_row(lines_[i])) {
        beside.push_back(lines_[i].number);
      }
    }
    if (!tables.empty() && headless_ > 0) {
      refuse_line(name_, headless_,
                  "a row of a table that has no rule such as |---|---| under its header; add it");
    }
  }

  std::vector<BarTable> tables;
  std::vector<std::size_t> beside;  // lines of text that are in no table

 private:
  // A header has a rule under it. So may every row of a grid, which holds numbers or is the last.
  bool begins_table(std::size_t i) const {
    const bool ruled =
        i + 1 < lines_.size() && has_bar(lines_[i].text) && is_rule(lines_[i + 1].text);
    if (!ruled || tables.empty()) return ruled;
    const bool goes_on = i + 2 < lines_.size() && has_bar(lines_[i + 2].text);
    const Fields cells = cells_of(lines_[i].text);
    return goes_on && std::none_of(cells.begin(), cells.end(), [](const std::string& cell) {
             return read_number(cell).has_value();
           });
  }

  bool take_row(const BarLine& line) {
    const bool framed = line.text.starts_with("|");
    if (tables.empty()) {
      if (framed && headless_ == 0) headless_ = line.number;
      return framed;
    }
    if (!has_bar(line.text)) return false;
    BarTable& table = tables.back();
    Fields cells = cells_of(line.text);
    if (std::all_of(cells.begin(), cells.end(), is_ellipsis)) {
      refuse_line(name_, line.number,
                  "the table stands for rows that it does not show; save all of them, as CSV say");
    }
    // "28 rows" in the frame of the whole table, as DuckDB ends it.
    if (cells.size() == 1 && table.header.size() > 1 && !read_number(cells[0])) return false;
    // A sentence may have a bar, too.
    if (table.framed && !framed && cells.size() != table.header.size()) return false;
    table.rows.emplace_back(line.number, std::move(cells));
    return true;
  }

  const std::string& name_;
  std::vector<BarLine> lines_;
  std::size_t headless_ = 0;  // the first row above all headers
};

// How much of what is looked for a header names: columns that the user named, then roles.
std::pair<std::size_t, std::size_t> worth_of(const Fields& header, const Fields& wanted) {
  std::size_t found = 0, roles = 0;
  for (const std::string& each : wanted) {
    found += std::find(header.begin(), header.end(), each) != header.end() ? 1 : 0;
  }
  for (const Role role : {Role::kParams, Role::kTokens, Role::kLoss, Role::kCompute}) {
    roles += std::any_of(header.begin(), header.end(),
                         [&](const std::string& column) { return role_rank(column, role) > 0; })
                 ? 1
                 : 0;
  }
  return {found, roles};
}

// Of two tables that say the same the file must say which is meant.
void leave_out(const BarTable& other, const BarTable& taken, const Fields& wanted, Records& out) {
  if (worth_of(other.header, wanted) == worth_of(taken.header, wanted)) {
    refuse_line(
        out.name, other.line,
        fmt::format("another table, with the columns {}, where that of line {} has {}; "
                    "give both the same header, or save each in a file of its own",
                    fmt::join(other.header, ", "), taken.line, fmt::join(taken.header, ", ")));
  }
  out.notes.push_back(fmt::format("line {}: another table ({}), of {} row{}, left out", other.line,
                                  fmt::join(other.header, ", "), other.rows.size(),
                                  other.rows.size() == 1 ? "" : "s"));
}

}  // namespace

Records parse_bar_tables(std::string_view text, const std::string& name, const Fields& wanted) {
  Records out;
  out.name = name;
  out.format = "Markdown table";
  const std::string plain = with_plain_bars(text);
  BarTables found(plain, name);
  if (found.tables.empty()) return out;
  const BarTable& taken = *std::max_element(
      found.tables.begin(), found.tables.end(), [&](const BarTable& a, const BarTable& b) {
        return worth_of(a.header, wanted) < worth_of(b.header, wanted);
      });
  out.columns = taken.header;
  std::vector<std::size_t> trailing;
  for (const BarTable& table : found.tables) {
    if (table.header != taken.header) {
      leave_out(table, taken, wanted, out);
      continue;
    }
    // As a row, for records.cpp says what it leaves out.
    if (&table != &taken) add_row(out, table.header, table.line, trailing);
    for (const auto& [line, cells] : table.rows) add_row(out, cells, line, trailing);
  }
  say_trailing(trailing, out);
  if (!found.beside.empty()) {
    out.notes.push_back(
        fmt::format("{}: text beside the table, left out", line_numbers("line", found.beside)));
  }
  return out;
}

}  // namespace crosslaw::fit
