#include "fit/data/separated_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "fit/data/column_role.h"
#include "fit/data/field_reader.h"

namespace crosslaw::fit {
namespace {

constexpr std::string_view kSeparators = ",\t;|";
constexpr std::size_t kPreambleLines = 10;  // among which the header is looked for
constexpr std::size_t kRowsLookedAt = 20;   // enough to see whether a separator makes a table

void trim_all(Fields& fields) {
  for (std::string& each : fields) each = std::string(trimmed(each));
}

bool is_numeric(const std::string& field) {
  const auto number = read_number(field);
  return number && !is_missing(field);
}

bool all_numeric(const Fields& fields) {
  return std::all_of(
             fields.begin(), fields.end(),
             [](const std::string& each) { return is_numeric(each) || is_missing(each); }) &&
         std::any_of(fields.begin(), fields.end(), is_numeric);
}

std::size_t roles_named(const Fields& header) {
  // An object in a cell names what it holds.
  for (const std::string& each : header) {
    if (each.find('{') != std::string::npos) return 0;
  }
  return static_cast<std::size_t>(std::count_if(header.begin(), header.end(), names_some_role));
}

// The header, which may be the last comment above rows of numbers, or one that names two roles
// above a row that names none ("#,model,N,D"). False: there is no record.
bool read_header(FieldReader& reader, const std::string& name, char separator, Fields& header,
                 Fields& first_row) {
  if (!reader.next(header)) return false;
  trim_all(header);
  const bool numbers = all_numeric(header);
  if (header.size() < 2 || (!numbers && roles_named(header) > 0)) return true;
  Fields above;
  FieldReader comment(reader.last_comment(), name, separator, 1);
  try {
    if (!reader.last_comment().empty()) comment.next(above);
  } catch (const std::invalid_argument&) {  // quotes of prose
    if (numbers) throw;
  }
  trim_all(above);
  const bool names = above.size() == header.size() && !all_numeric(above);
  if (!numbers && !(names && roles_named(above) >= 2)) return true;
  first_row = std::exchange(header, names ? above : Fields{});
  return true;
}

// How well a separator explains the text: wanted columns found, rows as wide as the header, width.
std::tuple<std::size_t, std::size_t, std::size_t> score_of(std::string_view text,
                                                           const std::string& name, char separator,
                                                           const Fields& wanted) {
  Fields header, row;
  std::size_t found = 0, fitting = 0;
  try {
    FieldReader reader(text, name, separator, 1);
    if (!read_header(reader, name, separator, header, row)) return {};
    if (header.empty()) header = row;  // numbers without names, which are refused later
    for (const std::string& column : wanted) {
      found += std::find(header.begin(), header.end(), column) != header.end() ? 1 : 0;
    }
    for (std::size_t i = 0; i < kRowsLookedAt && reader.next(row); ++i) {
      while (row.size() > header.size() && trimmed(row.back()).empty()) row.pop_back();
      fitting += row.size() == header.size() && header.size() > 1 ? 1 : 0;
    }
  } catch (const std::invalid_argument&) {  // quoted fields do not end at this separator
  }
  return {found, fitting, header.size()};
}

// Lines above the header, such as a title: how many records to skip until one names two roles of
// columns, where the first names none and none that is wanted. 0: the first is the header.
struct Preamble {
  std::size_t at = 0, line = 1;  // where to read on
  std::size_t header_line = 1;
  std::string first;  // what stands in the first line instead
};

Preamble find_preamble(std::string_view text, const std::string& name, const Fields& wanted) {
  Preamble out;
  std::size_t named_first = 0;
  for (const bool judge_first : {true, false}) {
    for (const char separator : std::string(kSeparators) + ' ') {
      FieldReader reader(text, name, separator, 1);
      Fields fields;
      for (std::size_t i = 0; i < kPreambleLines; ++i) {
        Preamble here{reader.next_at(), reader.next_line(), 1, out.first};
        try {
          if (!reader.next(fields)) break;
        } catch (const std::invalid_argument&) {  // quoted fields do not end at this separator
          break;
        }
        trim_all(fields);
        const bool named = std::any_of(wanted.begin(), wanted.end(), [&](const auto& each) {
          return std::find(fields.begin(), fields.end(), each) != fields.end();
        });
        if (judge_first) {
          if (named || all_numeric(fields)) return {};
          named_first = std::max(named_first, roles_named(fields));
          out.first = trimmed(text.substr(0, text.find_first_of("\r\n")));
          break;
        }
        here.header_line = reader.line();
        if (i > 0 && roles_named(fields) >= named_first + 2) return here;
      }
    }
  }
  return {};
}

// Of a table whose header has no name for the numbers or names of its rows, as R and a printed data
// frame have it: whether every row has one field more, and these count, or are no numbers.
bool rows_are_numbered(FieldReader reader, const Fields& header) {
  Fields fields;
  std::size_t rows = 0;
  double last = 0;
  while (rows < kRowsLookedAt && reader.next(fields)) {
    if (fields.size() != header.size() + 1) return false;
    const auto number = parse_number(fields.front());
    if (number && rows > 0 && *number != last + 1) return false;
    if (number && rows == 0 && *number != 0 && *number != 1) return false;
    if (number) last = *number;
    ++rows;
  }
  return rows > 1;
}

// Whether "#7" is the name of a row: of a first column that holds no N, D or loss, and no numbers
// without the mark, which would be rows that were commented out.
bool rows_have_marks(FieldReader reader, const Fields& header) {
  if (header.empty() || names_some_role(header.front())) return false;
  reader.take_numbered_rows(header.size());
  Fields fields;
  bool marked = false;
  while (reader.next(fields)) {
    if (is_numeric(fields.front())) return false;
    marked = marked || fields.front().starts_with('#');
  }
  return marked;
}

char find_separator(std::string_view text, const std::string& name, const Fields& wanted) {
  char best = ',';
  std::tuple<std::size_t, std::size_t, std::size_t> best_score;
  for (const char separator : std::string(kSeparators) + ' ') {
    const auto score = score_of(text, name, separator, wanted);
    if (score > best_score) {
      best_score = score;
      best = separator;
    }
  }
  return best;
}

std::string format_name(char separator) {
  switch (separator) {
    case ',':
      return "csv";
    case '\t':
      return "tsv";
    case ' ':
      return "separated by blanks";
    default:
      return fmt::format("separated by '{}'", separator);
  }
}

// "sep=;" on the first line, as spreadsheets write it. Removes the line.
std::optional<char> stated_separator(std::string_view& text) {
  if (!text.starts_with("sep=") && !text.starts_with("SEP=")) return std::nullopt;
  const std::size_t end = text.find_first_of("\r\n");
  if (end != 5 && !(end == 4 && text[4] == '\t')) return std::nullopt;
  const char separator = text[4];
  text.remove_prefix(5);
  if (text.starts_with("\r")) text.remove_prefix(1);
  if (text.starts_with("\n")) text.remove_prefix(1);
  return separator;
}

[[noreturn]] void refuse_no_header(const std::string& name, std::size_t line) {
  refuse_line(name, line,
              "the first line holds numbers, and no line above names the columns; put the names "
              "first, such as N,D,loss");
}

}  // namespace

Records parse_separated_text(std::string_view text, const std::string& name, const Fields& wanted) {
  Records out;
  out.name = name;
  const std::optional<char> stated = stated_separator(text);
  const Preamble above = stated ? Preamble{0, 2, 2, ""} : find_preamble(text, name, wanted);
  text.remove_prefix(above.at);
  if (above.at > 0) {
    out.notes.push_back(fmt::format("the header is line {}; '{}' above it is left out",
                                    above.header_line, above.first.substr(0, 60)));
  }
  const char separator = stated ? *stated : find_separator(text, name, wanted);
  out.format = format_name(separator);
  FieldReader reader(text, name, separator, above.line);
  Fields fields;
  std::vector<std::size_t> trailing;
  std::size_t comments = 0;
  if (read_header(reader, name, separator, out.columns, fields)) {
    if (out.columns.empty()) refuse_no_header(name, reader.line());
    comments = fields.empty() ? 0 : 1;  // the header
    if (fields.empty() && rows_are_numbered(reader, out.columns)) {
      out.columns.insert(out.columns.begin(), "");
      out.notes.emplace_back("the first field of each row has no name: taken for the row's own");
    }
    if (!fields.empty()) add_row(out, fields, reader.line(), trailing);
  }
  const bool has_mark = text.find("\n#") != std::string_view::npos;
  if (has_mark && rows_have_marks(reader, out.columns)) {
    reader.take_numbered_rows(out.columns.size());
  }
  while (reader.next(fields)) add_row(out, fields, reader.line(), trailing);
  say_trailing(trailing, out);
  comments = reader.comments() - comments;
  if (comments > 0) out.notes.push_back(fmt::format("{} lines of comment (#)", comments));
  return out;
}

}  // namespace crosslaw::fit
