#include "fit/data/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "fit/data/bar_table.h"
#include "fit/data/closest_name.h"
#include "fit/data/column_role.h"
#include "fit/data/json_records.h"
#include "fit/data/marginal_rows.h"
#include "fit/data/nested_cells.h"
#include "fit/data/separated_text.h"
#include "fit/data/text_encoding.h"
#include "fit/data/wide_export.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kFilesLookedAt = 10000;  // beside a path that does not exist
constexpr std::size_t kCellsForMark = 200000;  // looked at to tell point from comma

struct Packing {
  std::string_view magic;
  const char* what;
  const char* unpack;
};
constexpr std::array<Packing, 7> kPackings = {{
    {"\x1f\x8b", "compressed by gzip", "gzip -d"},
    {"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -d"},
    {"BZh", "compressed by bzip2", "bunzip2"},
    {"\xfd\x37zXZ", "compressed by xz", "unxz"},
    {"\x04\x22\x4d\x18", "compressed by lz4", "unlz4"},
    {"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"},
    {"Rar!", "a RAR archive", "unrar x"},
}};

// Formats that hold tables and are no text, by their first bytes, and how to turn them into one.
void refuse_other_formats(std::string_view text, const std::string& name) {
  const auto by_pandas = [&](const char* what, const char* reader) {
    throw std::invalid_argument(
        fmt::format("{}: this is {}; turn it into CSV: python3 -c \"import pandas; "
                    "pandas.{}('{}').to_csv('runs.csv', index=False)\"",
                    name, what, reader, name));
  };
  const auto refuse = [&](const char* what) {
    throw std::invalid_argument(fmt::format("{}: this is {}", name, what));
  };
  if (text.starts_with("PAR1")) by_pandas("a parquet file", "read_parquet");
  if (text.starts_with("PK\x03\x04") && text.substr(0, 200).find(".npy") != text.npos) {
    refuse("an archive of numpy arrays; write its columns as CSV, such as by pandas");
  }
  if (text.starts_with("PK\x03\x04") && name.ends_with(".zip")) {
    refuse("a zip archive; unpack it first: unzip");
  }
  if (text.starts_with("PK\x03\x04")) by_pandas("an Excel file or another zip", "read_excel");
  if (text.starts_with("\xd0\xcf\x11\xe0")) by_pandas("an old Excel file", "read_excel");
  if (text.starts_with("ARROW1")) by_pandas("an Arrow file", "read_feather");
  if (text.starts_with("\x89HDF")) by_pandas("an HDF5 file", "read_hdf");
  // The protocols 2 to 5 of Python's pickle.
  if (text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) {
    by_pandas("a Python pickle", "read_pickle");
  }
  if (text.starts_with("\x93NUMPY")) {
    refuse(
        "a numpy array without names of columns; write it as CSV with a header such as N,D,loss");
  }
  if (text.starts_with("%PDF")) refuse("a PDF; copy its table into a CSV file");
  if (text.starts_with("version https://git-lfs")) {
    refuse("a pointer of Git LFS, not the file itself; fetch it: git lfs pull");
  }
  if (text.starts_with("SQLite format 3")) {
    throw std::invalid_argument(name + ": this is an SQLite database; of a sweep name its folder");
  }
  for (const auto& [magic, what, unpack] : kPackings) {
    if (!text.starts_with(magic)) continue;
    throw std::invalid_argument(
        fmt::format("{}: this is {}; unpack it first: {} '{}'", name, what, unpack, name));
  }
}

// Markup that holds tables in other ways.
void refuse_markup(std::string_view content, const std::string& name) {
  std::string begin(content.substr(0, 200));
  std::transform(begin.begin(), begin.end(), begin.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto refuse = [&](const char* what) {
    throw std::invalid_argument(fmt::format("{}: this is {}", name, what));
  };
  if (begin.starts_with("<!doctype html") || begin.starts_with("<html")) {
    refuse("a web page (HTML); save the table itself as CSV (of a file on GitHub: its raw form)");
  }
  if (begin.starts_with("<table") || begin.starts_with("<div")) {
    throw std::invalid_argument(
        fmt::format("{}: this is a table in HTML; turn it into CSV: python3 -c \"import pandas; "
                    "pandas.read_html('{}')[0].to_csv('runs.csv', index=False)\"",
                    name, name));
  }
  if (begin.starts_with("<?xml")) refuse("XML; save the table as CSV");
  if (begin.find("\\begin{tab") != std::string::npos) refuse("LaTeX; save the table as CSV");
  if (begin.starts_with("---\n") || begin.starts_with("- ")) {
    refuse("YAML; save it as JSON or CSV, such as by pandas");
  }
}

// Lines of comment above JSON, which knows none, are blanked, so that lines keep their numbers.
std::optional<std::string> without_comments_above(std::string_view text,
                                                  std::vector<std::string>& notes) {
  std::string out(text);
  std::size_t at = 0, count = 0;
  while (at < out.size()) {
    const std::size_t end = std::min(out.find('\n', at), out.size());
    const std::string_view line = trimmed(std::string_view(out).substr(at, end - at));
    const bool comment = line.starts_with("//");
    if (!line.empty() && !comment) break;
    if (comment)
      count += 1, std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at), end - at, ' ');
    at = std::min(end + 1, out.size());
  }
  const std::string_view content = trimmed(out);
  if (count == 0 || !(content.starts_with("{") || content.starts_with("["))) return std::nullopt;
  notes.push_back(
      fmt::format("{} line{} of comment (//) above the JSON", count, count == 1 ? "" : "s"));
  return out;
}

void refuse_nul(std::string_view text, const std::string& name) {
  const std::size_t at = text.find('\0');
  if (at == std::string_view::npos) return;
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  throw std::invalid_argument(
      fmt::format("{}, line {}: a NUL byte; this is a binary file, or a damaged one: expected CSV, "
                  "TSV, JSON or "
                  "a Markdown table",
                  name, line));
}

bool is_word_of_unit(std::string_view cell) {
  cell = trimmed(cell);
  if (cell.size() > 2 && (cell.front() == '(' || cell.front() == '[')) {
    cell = trimmed(cell.substr(1, cell.size() - 2));
  }
  if (cell.empty() || std::isdigit(static_cast<unsigned char>(cell.front())) != 0) return false;
  if (scale_of_word(cell)) return true;
  return cell == "nats" || cell == "bits" || cell == "ppl" || cell == "bpb" || cell == "count";
}

// "M, B, nats" under the header: the first row names units where it has no number and nothing but
// such words, dashes and blanks.
void take_row_of_units(Records& records) {
  if (records.rows.size() < 2) return;
  const std::vector<std::string>& first = records.rows.front();
  std::size_t units = 0;
  for (const std::string& cell : first) {
    const bool unit = is_word_of_unit(cell);
    if (!unit && trimmed(cell) != "-" && !trimmed(cell).empty()) return;
    units += unit ? 1 : 0;
  }
  if (units == 0) return;
  for (const std::string& cell : first) {
    std::string_view bare = trimmed(cell);
    if (bare.size() > 2 && !is_word_of_unit(bare.substr(0, 1)) &&
        (bare.front() == '(' || bare.front() == '[')) {
      bare = trimmed(bare.substr(1, bare.size() - 2));
    }
    records.units.emplace_back(is_word_of_unit(bare) ? bare : "");
  }
  records.notes.push_back(records.place(0) + ": units of the columns");
  records.rows.erase(records.rows.begin());
  records.lines.erase(records.lines.begin());
}

// Columns without a name in which no row has a value: every line of the file ends in a separator.
void drop_nameless_columns(Records& records) {
  while (!records.columns.empty() && records.columns.back().empty()) {
    const std::size_t last = records.columns.size() - 1;
    const bool used = std::any_of(records.rows.begin(), records.rows.end(),
                                  [&](const auto& row) { return !trimmed(row[last]).empty(); });
    if (used) return;
    records.columns.pop_back();
    if (!records.units.empty()) records.units.pop_back();
    for (auto& row : records.rows) row.pop_back();
  }
}

// What cells say of the decimal mark. Weak: "2.345" and "3,456", which may be either.
struct MarkCounts {
  std::size_t points = 0, commas = 0, weak_points = 0, weak_commas = 0;
  std::size_t all() const { return points + commas + weak_points + weak_commas; }
};

MarkCounts count_marks(const Records& records, const std::vector<std::size_t>& columns) {
  MarkCounts out;
  std::size_t looked = 0;
  for (const auto& row : records.rows) {
    for (const std::size_t column : columns) {
      const std::string& field = row[column];
      const MarkEvidence evidence = mark_evidence(field);
      const bool comma = field.find(',') != std::string::npos;
      // Losses go to no thousands.
      const bool loss = role_rank(records.columns[column], Role::kLoss) > 0;
      if (evidence == MarkEvidence::kPoint) ++out.points;
      if (evidence == MarkEvidence::kComma) ++out.commas;
      if (evidence == MarkEvidence::kEither) {
        ++(comma ? out.weak_commas : loss ? out.points : out.weak_points);
      }
      ++looked;
    }
    if (looked > kCellsForMark) break;
  }
  return out;
}

// A decimal comma where some number can be nothing else and none needs a point. Columns that may
// be N, D, C or the loss speak; others, such as lists of devices "0,1", only where those have no
// marks.
void find_decimal_mark(Records& records, const std::vector<std::string>& wanted) {
  std::vector<std::size_t> speakers, all;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::string& name = records.columns[c];
    const bool named = std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    if (named || names_some_role(name)) speakers.push_back(c);
    all.push_back(c);
  }
  MarkCounts counts = count_marks(records, speakers);
  if (counts.all() == 0) counts = count_marks(records, all);
  if (counts.commas > 0 && counts.points == 0) {
    records.mark = DecimalMark::kComma;
    records.notes.push_back("numbers have a decimal comma");
  }
  records.mark_in_doubt = counts.points == 0 && counts.commas == 0 && counts.weak_commas > 0;
}

}  // namespace

Records parse_records(std::string_view text, const std::string& name,
                      const std::vector<std::string>& wanted) {
  refuse_other_formats(text, name);
  const std::optional<std::string> decoded = from_utf16(text);
  if (decoded) text = *decoded;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  refuse_nul(text, name);
  std::vector<std::string> notes;
  if (decoded) notes.emplace_back("the text is UTF-16");
  const std::optional<std::string> uncommented = without_comments_above(text, notes);
  if (uncommented) text = *uncommented;
  const std::string_view content = trimmed(text);
  if (content.empty()) throw std::invalid_argument(name + ": the file is empty");
  refuse_markup(content, name);
  const bool json = content.front() == '{' || content.front() == '[';
  Records out = json ? parse_json_records(text, name) : parse_bar_tables(text, name, wanted);
  if (!json && out.columns.empty()) out = parse_separated_text(text, name, wanted);
  out.notes.insert(out.notes.begin(), notes.begin(), notes.end());
  expand_nested_cells(out);
  if (out.rows.empty() && out.columns.size() > 1) {
    for (const std::string& column : wanted) out.column(column);
    throw std::invalid_argument(name + ": there are no rows under the header");
  }
  drop_marginal_rows(out);
  if (!json) take_row_of_units(out);
  drop_nameless_columns(out);
  turn_wide_export(out);
  find_decimal_mark(out, wanted);
  const bool known = std::find(wanted.begin(), wanted.end(),
                               out.columns.empty() ? "" : out.columns[0]) != wanted.end();
  if (!json && out.columns.size() == 1 && !known) {
    throw std::invalid_argument(fmt::format(
        "{}, line 1: the header is the one column '{}'; expected columns separated by commas, "
        "tabs, semicolons, bars or blanks, {}",
        name, out.columns[0].substr(0, 60),
        wanted.empty() ? "such as N,D,loss" : "among them '" + wanted.front() + "'"));
  }
  for (const std::string& column : wanted) out.column(column);
  if (out.rows.empty()) throw std::invalid_argument(name + ": there are no rows under the header");
  return out;
}

namespace {

// A file beside a path that does not exist, by a name that was most likely meant.
std::string meant_instead(const std::filesystem::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename().string());
    if (names.size() > kFilesLookedAt) return "";
  }
  return did_you_mean(path.filename().string(), names);
}

}  // namespace

std::string read_text(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw std::invalid_argument(path + " is a directory; expected a CSV, TSV or JSON lines file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file && !std::filesystem::exists(path, ignored)) {
    throw std::invalid_argument(path + ": cannot be read: there is no such file" +
                                meant_instead(path));
  }
  if (!file) throw std::invalid_argument(path + ": cannot be read; may you read it?");
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

}  // namespace crosslaw::fit
