#include "trainer/corpus/text_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "db/files/utf8.h"
#include "trainer/corpus/byte_source.h"
#include "trainer/corpus/python_helper.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using OnRaw = std::function<bool(RawText&&, int64_t)>;

constexpr size_t kPieceBytes = size_t{1} << 18;  // what the second cache holds
constexpr std::string_view kEndings = ".jsonl, .ndjson, .json or .txt";

std::string fault_of_utf8(const char* what, std::string_view text, size_t good) {
  return fmt::format("byte {} of the {} is {}; convert the file to UTF-8 (iconv, ftfy)", good + 1,
                     what, text[good] == '\0' ? "NUL" : "not UTF-8");
}

// Other strings of the object, one of which is likely to be the text.
std::string other_strings(const nlohmann::json& object) {
  std::string names;
  for (const auto& [name, value] : object.items()) {
    if (value.is_string() && names.size() < 60)
      names += fmt::format("{}\"{:.30}\"", names.empty() ? "" : ", ", name);
  }
  return names.empty()
             ? ""
             : fmt::format(" (its strings are {}; data.text_field names the one to read)", names);
}

void read_lines(const ByteSource& source, const OnRaw& on_raw) {
  std::vector<char> piece(kPieceBytes);
  RawText line{{}, 0, RawKind::kJsonLine, true};
  int64_t number = 0;
  auto finish_line = [&]() {
    line.line = ++number;
    // Blank lines are no documents; they still count as lines in messages.
    if (line.bytes.find_first_not_of(" \t\r") == std::string::npos) {
      line.bytes.clear();
      return true;
    }
    RawText whole = std::move(line);
    line = {{}, 0, RawKind::kJsonLine, true};
    return on_raw(std::move(whole), source.file_bytes());
  };
  while (size_t count = source.read(piece)) {
    std::string_view rest(piece.data(), count);
    for (size_t end; (end = rest.find('\n')) != std::string_view::npos;
         rest.remove_prefix(end + 1)) {
      line.bytes.append(rest.substr(0, end));
      if (!finish_line()) return;
    }
    // A line may run over several pieces.
    line.bytes.append(rest);
  }
  if (!line.bytes.empty()) finish_line();
}

void read_parts(const ByteSource& source, const OnRaw& on_raw) {
  std::vector<char> piece(kPieceBytes);
  std::string waiting;
  RawText next{{}, 1, RawKind::kTextPart, true};
  auto hand_on = [&](size_t bytes) {
    next.bytes = waiting.substr(0, bytes);
    waiting.erase(0, bytes);
    int64_t lines = std::count(next.bytes.begin(), next.bytes.end(), '\n');
    RawText part = std::move(next);
    next = {{}, part.line + lines, RawKind::kTextPart, false};
    return on_raw(std::move(part), source.file_bytes());
  };
  while (size_t count = source.read(piece)) {
    waiting.append(piece.data(), count);
    while (waiting.size() > kTextPartBytes) {
      if (!hand_on(cut_of(waiting, kTextPartBytes))) return;
    }
  }
  if (!waiting.empty()) hand_on(waiting.size());
}

// Rows as preparation.py packs them: whether there is a text, its length, its bytes.
void read_parquet(const fs::path& file, const std::string& text_field, const OnRaw& on_raw) {
  PythonHelper python;
  const auto size = static_cast<double>(fs::file_size(file));
  try {
    const std::string question = fs::absolute(file).string() + '\0' + text_field;
    const double rows =
        std::max(1.0, nlohmann::json::parse(python.ask('P', question)).at("rows").get<double>());
    int64_t row = 0;
    for (std::string batch = python.ask('N', ""); !batch.empty(); batch = python.ask('N', "")) {
      for (size_t at = 0; at < batch.size();) {
        int64_t length = 0;
        std::memcpy(&length, batch.data() + at + 1, sizeof length);
        RawText raw{batch.substr(at + 1 + sizeof length, static_cast<size_t>(length)), ++row,
                    batch[at] ? RawKind::kDocument : RawKind::kMissingValue, true};
        at += 1 + sizeof length + static_cast<size_t>(length);
        const double used = size * static_cast<double>(row) / rows;
        if (!on_raw(std::move(raw), static_cast<int64_t>(used))) return;
      }
    }
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", file.string(), error.what()));
  }
}

ParsedText parse_document(const RawText& raw) {
  if (raw.kind == RawKind::kMissingValue) return {false, {}, {{raw.line, "the row has no text"}}};
  const size_t good = valid_utf8_prefix(raw.bytes);
  if (good < raw.bytes.size())
    return {false, {}, {{raw.line, fault_of_utf8("text", raw.bytes, good)}}};
  return {true, raw.bytes, {}};
}

ParsedText parse_line(const RawText& raw, const std::string& text_field) {
  std::string_view shown = std::string_view(raw.bytes).substr(0, valid_utf8_prefix(raw.bytes));
  auto bad = [&](const std::string& reason) { return ParsedText{false, {}, {{raw.line, reason}}}; };
  nlohmann::json object = nlohmann::json::parse(raw.bytes, nullptr, false);
  if (!object.is_object() || !object.contains(text_field) || !object[text_field].is_string()) {
    return bad(fmt::format("expected a JSON object with a string \"{}\" in UTF-8, found: {:.60}{}",
                           text_field, shown, object.is_object() ? other_strings(object) : ""));
  }
  ParsedText parsed{true, object[text_field].get<std::string>(), {}};
  size_t good = valid_utf8_prefix(parsed.text);
  return good == parsed.text.size() ? parsed : bad(fault_of_utf8("text", parsed.text, good));
}

ParsedText parse_part(const RawText& raw) {
  ParsedText parsed{true, raw.bytes, {}};
  if (valid_utf8_prefix(raw.bytes) == raw.bytes.size()) return parsed;
  parsed.text.clear();
  // Rare, hence slow and plain: line by line.
  int64_t number = raw.line;
  for (std::string_view rest = raw.bytes; !rest.empty(); ++number) {
    size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    std::string_view line = rest.substr(0, end);
    size_t good = valid_utf8_prefix(line);
    if (good == line.size()) {
      parsed.text += line;
    } else {
      parsed.faults.push_back({number, fault_of_utf8("line", line, good)});
    }
    rest.remove_prefix(end);
  }
  return parsed;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != '\0') {
    const std::size_t length = db::utf8_length(text, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

size_t cut_of(std::string_view text, size_t most) {
  if (text.size() <= most) return text.size();
  for (char end : {'\n', ' '}) {
    size_t at = text.rfind(end, most - 1);
    if (at != std::string_view::npos) return at + 1;
  }
  // Back to a byte that begins a character; in text that is no UTF-8 there may be none near.
  for (size_t at = most; at > most - 4; --at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) return at;
  }
  return most;
}

void read_raw_texts(const fs::path& file, const std::string& text_field, const OnRaw& on_raw) {
  bool packed = file.extension() == ".zst" || file.extension() == ".gz";
  fs::path ending = (packed ? file.stem() : file.filename()).extension();
  bool lines = ending == ".jsonl" || ending == ".ndjson" || ending == ".json";
  if (!packed && ending == ".parquet") {
    open_bytes(file);  // a missing file is told in our words
    return read_parquet(file, text_field, on_raw);
  }
  if (!lines && ending != ".txt") {
    // A missing file is told first: an unknown ending of nothing helps nobody.
    if (!fs::exists(file)) open_bytes(file);
    throw std::runtime_error(fmt::format(
        "{}: unknown ending; expected {}, these with .zst or .gz behind it, .parquet, or "
        "tokens in a .bin",
        file.string(), kEndings));
  }
  ByteSource source = open_bytes(file);
  lines ? read_lines(source, on_raw) : read_parts(source, on_raw);
}

ParsedText parse_text(const RawText& raw, const std::string& text_field) {
  switch (raw.kind) {
    case RawKind::kJsonLine:
      return parse_line(raw, text_field);
    case RawKind::kTextPart:
      return parse_part(raw);
    default:
      return parse_document(raw);
  }
}

}  // namespace crosslaw::trainer
