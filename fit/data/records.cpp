#include "fit/data/records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

constexpr std::string_view kSeparators = ",\t;| ";
constexpr std::size_t kMostKeys = 4096;  // every row has a field for every key of any row

[[noreturn]] void refuse(const std::string& name, std::size_t line, const std::string& what) {
  throw std::invalid_argument(fmt::format("{}, line {}: {}", name, line, what));
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Walks over separated text, one record at a time.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name, char separator)
      : text_(text), name_(name), separator_(separator) {}

  std::size_t line() const { return record_line_; }

  // False at the end of the text. Blank lines are skipped.
  bool next(std::vector<std::string>& fields) {
    while (at_ < text_.size()) {
      record_line_ = line_;
      fields.clear();
      read_record(fields);
      const bool blank = fields.size() == 1 && trimmed(fields[0]).empty();
      if (!blank) return true;
    }
    return false;
  }

 private:
  void read_record(std::vector<std::string>& fields) {
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
    refuse(name_, record_line_, "a field in double quotes is never closed");
  }

  std::string after_quote(std::string field) {
    while (at_ < text_.size() && text_[at_] == ' ' && separator_ != ' ') ++at_;
    const bool ends =
        at_ >= text_.size() || text_[at_] == separator_ || text_[at_] == '\n' || text_[at_] == '\r';
    if (!ends) refuse(name_, record_line_, "text follows the closing quote of a field");
    return field;
  }

  std::string_view text_;
  const std::string& name_;
  char separator_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t record_line_ = 1;
};

std::vector<std::string> header_with(std::string_view text, const std::string& name,
                                     char separator) {
  Reader reader(text, name, separator);
  std::vector<std::string> header;
  try {
    reader.next(header);
  } catch (const std::invalid_argument&) {
    return {};  // quoted columns do not end at this separator
  }
  for (std::string& column : header) column = trimmed(column);
  return header;
}

// The separator under which most wanted columns are found; of equals the one giving most columns.
char find_separator(std::string_view text, const std::string& name,
                    const std::vector<std::string>& wanted) {
  char best = ',';
  std::pair<std::size_t, std::size_t> best_score{0, 0};
  for (const char separator : kSeparators) {
    const std::vector<std::string> header = header_with(text, name, separator);
    std::size_t found = 0;
    for (const std::string& column : wanted) {
      found += std::find(header.begin(), header.end(), column) != header.end() ? 1 : 0;
    }
    const std::pair score{found, header.size()};
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

Records parse_separated(std::string_view text, const std::string& name,
                        const std::vector<std::string>& wanted) {
  const char separator = find_separator(text, name, wanted);
  Records out;
  out.name = name;
  out.format = format_name(separator);
  Reader reader(text, name, separator);
  reader.next(out.columns);
  for (std::string& column : out.columns) column = trimmed(column);
  std::vector<std::string> fields;
  while (reader.next(fields)) {
    while (fields.size() > out.columns.size() && trimmed(fields.back()).empty()) fields.pop_back();
    if (fields.size() != out.columns.size()) {
      refuse(name, reader.line(),
             fmt::format("{} fields where the header has {} columns ({})", fields.size(),
                         out.columns.size(), out.format));
    }
    out.rows.push_back(fields);
    out.lines.push_back(reader.line());
  }
  return out;
}

std::string text_of(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  // Not written out: a million brackets inside each other would take as many calls.
  if (value.is_structured()) return value.is_array() ? "[...]" : "{...}";
  return value.dump();
}

void add_object(const nlohmann::json& object, std::size_t line, Records& out) {
  if (!object.is_object())
    refuse(out.name, line, "expected a JSON object such as {\"N\": 1e8, ...}");
  std::vector<std::string> row(out.columns.size());
  for (const auto& [key, value] : object.items()) {
    auto column = std::find(out.columns.begin(), out.columns.end(), key);
    if (column == out.columns.end()) {
      if (out.columns.size() == kMostKeys) {
        refuse(out.name, line, fmt::format("more than {} different keys: no table", kMostKeys));
      }
      out.columns.push_back(key);
      row.emplace_back();
      column = out.columns.end() - 1;
    }
    row[static_cast<std::size_t>(column - out.columns.begin())] = text_of(value);
  }
  out.rows.push_back(std::move(row));
  out.lines.push_back(line);
}

nlohmann::json parse_json(std::string_view text, const std::string& name, std::size_t line) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    refuse(name, line, fmt::format("not valid JSON ({})", error.what()));
  }
}

Records parse_json_records(std::string_view text, const std::string& name) {
  Records out;
  out.name = name;
  out.format = "json lines";
  if (trimmed(text).front() == '[') {
    out.format = "json array";
    for (const nlohmann::json& each : parse_json(text, name, 1)) add_object(each, 1, out);
  } else {
    std::size_t line = 0;
    while (!text.empty()) {
      ++line;
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view one = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!one.empty()) add_object(parse_json(one, name, line), line, out);
    }
  }
  for (std::vector<std::string>& row : out.rows) row.resize(out.columns.size());
  return out;
}

}  // namespace

std::size_t Records::column(std::string_view wanted) const {
  const auto first = std::find(columns.begin(), columns.end(), wanted);
  if (first == columns.end()) {
    throw std::invalid_argument(fmt::format("{}: there is no column '{}'; the file ({}) has: {}",
                                            name, wanted, format, fmt::join(columns, ", ")));
  }
  if (std::find(first + 1, columns.end(), wanted) != columns.end()) {
    throw std::invalid_argument(fmt::format("{}: there are two columns '{}'", name, wanted));
  }
  return static_cast<std::size_t>(first - columns.begin());
}

bool Records::has(std::string_view wanted) const {
  return std::find(columns.begin(), columns.end(), wanted) != columns.end();
}

Records parse_records(std::string_view text, const std::string& name,
                      const std::vector<std::string>& wanted) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    throw std::invalid_argument(name + ": the text is UTF-16; save it as UTF-8");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.find('\0') != std::string_view::npos) {
    throw std::invalid_argument(name + ": this is a binary file; expected CSV, TSV or JSON lines");
  }
  const std::string_view content = trimmed(text);
  if (content.empty()) throw std::invalid_argument(name + ": the file is empty");
  const bool json = content.front() == '{' || content.front() == '[';
  Records out = json ? parse_json_records(text, name) : parse_separated(text, name, wanted);
  const auto& columns = out.columns;
  for (const std::string& column : wanted) {
    if (!json && columns.size() == 1 && columns[0] != column) {
      refuse(name, 1,
             fmt::format("the header is the one column '{}'; expected columns separated by commas, "
                         "tabs, semicolons, bars or blanks, among them '{}'",
                         columns[0].substr(0, 60), column));
    }
    out.column(column);
  }
  if (out.rows.empty()) throw std::invalid_argument(name + ": there are no rows under the header");
  return out;
}

std::string read_text(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw std::invalid_argument(path + " is a directory; expected a CSV, TSV or JSON lines file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::invalid_argument(path + ": cannot be read; is the path right?");
  try {
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  } catch (const std::ios_base::failure&) {
    throw std::invalid_argument(path + ": reading failed; is it an ordinary file?");
  }
}

std::string fingerprint(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return fmt::format("{:016x}", hash);
}

std::string text_in(const Records& records, std::size_t row, std::size_t column) {
  return std::string(trimmed(records.rows[row][column]));
}

double number_in(const Records& records, std::size_t row, std::size_t column) {
  std::string_view text = trimmed(records.rows[row][column]);
  const auto fail = [&](const std::string& what) {
    refuse(records.name, records.lines[row],
           fmt::format("column '{}' {}", records.columns[column], what));
  };
  if (text.empty()) fail("is empty; leave such rows out with a filter, or fill them");
  const std::string_view digits = text.front() == '+' ? text.substr(1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) fail(fmt::format("is '{}', beyond a double", text));
  if (error != std::errc() || end != digits.data() + digits.size()) {
    fail(fmt::format("is '{}', expected a number such as 1.5e9", text.substr(0, 60)));
  }
  if (!std::isfinite(value)) fail(fmt::format("is '{}', expected a finite number", text));
  return value;
}

}  // namespace crosslaw::fit
