#include "fit/data/separated_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace crosslaw::fit {
namespace {

constexpr std::string_view kSeparators = ",\t;|";
constexpr std::size_t kRowsLookedAt = 20;  // enough to see whether a separator makes a table

using Fields = std::vector<std::string>;

[[noreturn]] void refuse_line(const std::string& name, std::size_t line, const std::string& what) {
  throw std::invalid_argument(fmt::format("{}, line {}: {}", name, line, what));
}

// Walks over separated text, one record at a time.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name, char separator, std::size_t first_line)
      : text_(text), name_(name), separator_(separator), line_(first_line) {}

  std::size_t line() const { return record_line_; }
  std::size_t comments() const { return comments_; }
  const std::string& last_comment() const { return last_comment_; }

  // False at the end of the text. Blank lines and comments are skipped.
  bool next(Fields& fields) {
    while (at_ < text_.size()) {
      record_line_ = line_;
      fields.clear();
      if (text_[at_] == '#') {
        skip_comment();
        continue;
      }
      read_record(fields);
      const bool blank = fields.size() == 1 && trimmed(fields[0]).empty();
      if (!blank) return true;
    }
    return false;
  }

 private:
  void skip_comment() {
    const std::size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    last_comment_ = trimmed(text_.substr(at_ + 1, end - at_ - 1));
    ++comments_;
    at_ = end;
    end_line();
  }

  void read_record(Fields& fields) {
    skip_blanks();
    for (;;) {
      fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
      if (at_ >= text_.size()) return;
      const char c = text_[at_];
      if (c != separator_) return end_line();
      ++at_;
      skip_blanks();
      const bool done = at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
      if (separator_ == ' ' && done) return end_line();
    }
  }

  // Runs of blanks are one separator.
  void skip_blanks() {
    while (separator_ == ' ' && at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  void end_line() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    const bool after_return = at_ > 0 && text_[at_ - 1] == '\r';
    if (at_ < text_.size() && text_[at_] == '\n') {
      ++at_;
    } else if (!after_return) {
      return;  // the end of the text
    }
    ++line_;
  }

  std::string plain() {
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' &&
           text_[at_] != '\r') {
      ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }

  std::string quoted() {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
          out += '"';
          ++at_;
          continue;
        }
        ++at_;
        return after_quote(std::move(out));
      }
      if (c == '\n') ++line_;
      out += c;
    }
    refuse_line(name_, record_line_, "a field in double quotes is never closed");
  }

  std::string after_quote(std::string field) {
    while (at_ < text_.size() && text_[at_] == ' ' && separator_ != ' ') ++at_;
    const bool ends =
        at_ >= text_.size() || text_[at_] == separator_ || text_[at_] == '\n' || text_[at_] == '\r';
    if (!ends) refuse_line(name_, record_line_, "text follows the closing quote of a field");
    return field;
  }

  std::string_view text_;
  const std::string& name_;
  char separator_;
  std::size_t at_ = 0;
  std::size_t line_;
  std::size_t record_line_ = 1;
  std::size_t comments_ = 0;
  std::string last_comment_;
};

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

// The header, which may be the last comment above rows of numbers. False: there is no record.
bool read_header(Reader& reader, const std::string& name, char separator, Fields& header,
                 Fields& first_row) {
  if (!reader.next(header)) return false;
  trim_all(header);
  if (!all_numeric(header) || header.size() < 2) return true;
  first_row = header;
  header.clear();
  Reader comment(reader.last_comment(), name, separator, 1);
  if (!reader.last_comment().empty()) comment.next(header);
  trim_all(header);
  if (header.size() != first_row.size() || all_numeric(header)) header.clear();
  return true;
}

// How well a separator explains the text: wanted columns found, rows as wide as the header, width.
std::tuple<std::size_t, std::size_t, std::size_t> score_of(std::string_view text,
                                                           const std::string& name, char separator,
                                                           const Fields& wanted) {
  Fields header, row;
  std::size_t found = 0, fitting = 0;
  try {
    Reader reader(text, name, separator, 1);
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

// Adds a row, or refuses its width. Empty fields beyond the header are a trailing separator.
void add_row(Fields fields, std::size_t line, Records& out, std::vector<std::size_t>& trailing) {
  const std::size_t width = out.columns.size();
  const std::size_t before = fields.size();
  while (fields.size() > width && trimmed(fields.back()).empty()) fields.pop_back();
  if (fields.size() != width) {
    refuse_line(out.name, line,
                fmt::format("{} fields where the header has {} columns ({})", fields.size(), width,
                            out.format));
  }
  if (before != width) trailing.push_back(out.rows.size());
  out.rows.push_back(std::move(fields));
  out.lines.push_back(line);
}

void say_what_was_forgiven(const std::vector<std::size_t>& trailing, std::size_t comments,
                           Records& out) {
  // Where every row ends in a separator it is the style of the file.
  if (!trailing.empty() && trailing.size() < out.rows.size()) {
    out.notes.push_back(places(out, trailing) +
                        ": empty fields beyond the header, taken for a trailing separator");
  }
  if (comments > 0) out.notes.push_back(fmt::format("{} lines of comment (#)", comments));
}

bool is_rule_of_markdown(std::string_view line) {
  line = trimmed(line);
  return line.find('-') != std::string_view::npos && line.find('|') != std::string_view::npos &&
         line.find_first_not_of("|-: \t") == std::string_view::npos;
}

Fields markdown_cells(std::string_view line) {
  line = trimmed(line);
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

}  // namespace

Records parse_separated_text(std::string_view text, const std::string& name, const Fields& wanted) {
  Records out;
  out.name = name;
  const std::optional<char> stated = stated_separator(text);
  const char separator = stated ? *stated : find_separator(text, name, wanted);
  out.format = format_name(separator);
  Reader reader(text, name, separator, stated ? 2 : 1);
  Fields fields;
  std::vector<std::size_t> trailing;
  std::size_t comments = 0;
  if (read_header(reader, name, separator, out.columns, fields)) {
    if (out.columns.empty()) refuse_no_header(name, reader.line());
    comments = fields.empty() ? 0 : 1;  // the header
    if (!fields.empty()) add_row(fields, reader.line(), out, trailing);
  }
  while (reader.next(fields)) add_row(fields, reader.line(), out, trailing);
  say_what_was_forgiven(trailing, reader.comments() - comments, out);
  return out;
}

Records parse_markdown_table(std::string_view text, const std::string& name) {
  Records out;
  out.name = name;
  out.format = "Markdown table";
  std::string_view before;
  std::size_t line = 0;
  std::vector<std::size_t> trailing;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line;
    if (out.columns.empty()) {
      const bool header = is_rule_of_markdown(one) && before.find('|') != std::string_view::npos;
      if (header) out.columns = markdown_cells(before);
      before = one;
    } else if (one.find('|') != std::string_view::npos) {
      add_row(markdown_cells(one), line, out, trailing);
    } else {
      break;
    }
  }
  return out;
}

}  // namespace crosslaw::fit
