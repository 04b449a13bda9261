#include "trainer/corpus/text_reader.h"

#include <algorithm>
#include <random>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/damage.h"
#include "tests/support/temp_folder.h"
#include "tests/trainer/corpus/text_files.h"

namespace crosslaw::trainer {

using tests::message_of;
using tests::TempFolder;

TEST_CASE("a text of any length comes in parts of whole lines, and never of half a character") {
  TempFolder folder;
  std::string lines, line;
  for (int i = 0; i < 30'000; ++i) lines += "mot " + std::to_string(i * 7919 % 10'007) + " é中\n";
  while (line.size() < 3 * kTextPartBytes) line += "中é";
  for (const std::string& text : {lines, line, lines + line + "\n" + lines}) {
    auto file = folder.write("a.txt", text);
    std::string joined;
    int64_t number = 1, parts = 0;
    read_raw_texts(file, "text", [&](RawText&& raw, int64_t used) {
      CHECK(raw.line == number);
      CHECK(raw.begins_document == (parts == 0));
      CHECK(raw.bytes.size() <= kTextPartBytes);
      CHECK(parse_text(raw, "text").faults.empty());
      number += std::count(raw.bytes.begin(), raw.bytes.end(), '\n');
      joined += raw.bytes, ++parts;
      CHECK(used >= static_cast<int64_t>(joined.size()));
      return true;
    });
    CHECK(joined == text);
    CHECK(parts >= static_cast<int64_t>(text.size() / kTextPartBytes));
  }
  CHECK(cut_of("ab cd\nef gh", 8) == 6);
  CHECK(cut_of("ab cd ef gh", 8) == 6);
  CHECK(cut_of("abcdefgh", 4) == 4);
  CHECK(cut_of("abc\xE4\xB8\xAD", 4) == 3);
  CHECK(cut_of("\x80\x80\x80\x80\x80\x80", 4) == 4);
  CHECK(cut_of("abc", 8) == 3);
}

TEST_CASE("each bad line of a .txt is a fault of its own, and the others remain") {
  TempFolder folder;
  auto file = folder.write("a.txt", std::string("un\nd\xE9j\xE0\ntrois\n\0quatre\ncinq", 26));
  std::string text;
  std::vector<TextFault> faults;
  read_raw_texts(file, "text", [&](RawText&& raw, int64_t) {
    ParsedText parsed = parse_text(raw, "text");
    CHECK(parsed.usable);
    text += parsed.text;
    faults.insert(faults.end(), parsed.faults.begin(), parsed.faults.end());
    return true;
  });
  CHECK(text == "un\ntrois\ncinq");
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].line == 2);
  CHECK_THAT(faults[0].reason, has_text("byte 2 of the line is not UTF-8"));
  CHECK(faults[1].line == 4);
  CHECK_THAT(faults[1].reason, has_text("byte 1 of the line is NUL"));
}

TEST_CASE("the field of the text has a name of the user's, and its likely name is shown") {
  TempFolder folder;
  auto file = folder.write("a.ndjson", R"({"id":"7","content":"un"}
{"id":"8","content":"deux"}
)");
  CHECK(documents_of(file, "content") == std::vector<std::string>{"un", "deux"});
  CHECK_THAT(message_of([&] { documents_of(file); }),
             has_text("line 1: expected a JSON object with a string \"text\"") &&
                 has_text("its strings are \"content\", \"id\"; data.text_field names the one"));
  CHECK(documents_of(folder.write("c4.json", kLines)) == kTexts);
  write_gzip(folder / "a.ndjson.gz", kLines);
  CHECK(documents_of(folder / "a.ndjson.gz") == kTexts);
}

TEST_CASE("odd lines: what is skipped, what is a document, what is an error") {
  TempFolder folder;
  struct Odd {
    std::string lines;
    std::vector<std::string> documents;  // or
    std::string message;
  };
  const std::vector<Odd> all = {
      {"", {}, ""},
      {"\n\n \t\r\n", {}, ""},
      {R"({"text":""})", {""}, ""},
      {R"({"text":"a","text":"b"})", {"b"}, ""},
      {R"(  {"text" : "\ud83d\ude00"}  )", {"\xF0\x9F\x98\x80"}, ""},
      {R"({"meta":{"text":1},"text":"nested"})", {"nested"}, ""},
      {"{\"text\":\"un\"}{\"text\":\"deux\"}\n", {}, "line 1: expected a JSON object"},
      {R"({"text":"\ud83d"})", {}, "line 1"},
      {"\xEF\xBB\xBF{\"text\":\"bom\"}", {"bom"}, ""},
      {"null\n", {}, "line 1"},
      {"\n\n{\"text\":null}\n", {}, "line 3"},
      {std::string("{\"text\":\"a\"}\n\0\n", 15), {}, "line 2"},
      {"\n{\"text\":\"" + std::string(300, 'x'), {}, "line 2: expected a JSON object"},
  };
  for (const Odd& odd : all) {
    INFO(odd.lines);
    auto file = folder.write("a.jsonl", odd.lines);
    std::vector<std::string> read;
    std::string message = message_of([&] { read = documents_of(file); });
    if (odd.message.empty()) {
      CHECK(message == "(nothing was thrown)");
      CHECK(read == odd.documents);
    } else {
      CHECK_THAT(message, has_text("a.jsonl: " + odd.message));
      CHECK(message.size() < folder.path().string().size() + 200);
    }
  }
}

TEST_CASE("what is no document names file and line") {
  TempFolder folder;
  auto message = [&](const std::string& content) {
    auto file = folder.write("a.jsonl", content);
    return message_of([&] { documents_of(file); });
  };
  CHECK_THAT(message("{\"text\":\"ok\"}\nnonsense\n"),
             has_text("a.jsonl: line 2: expected a JSON object with a string \"text\""));
  CHECK_THAT(message("{\"body\":\"x\"}\n"), has_text("line 1"));
  CHECK_THAT(message("[1,2]\n"), has_text("line 1"));
  CHECK_THAT(message("{\"text\":3}\n"), has_text("line 1"));
  CHECK_THAT(message("{\"text\":\"a\\u0000b\"}\n"), has_text("line 1: byte 2 of the text is NUL"));
  CHECK_THAT(message("{\"text\":\"\xff\"}\n"), has_text("line 1"));
}

TEST_CASE("text that is not UTF-8 names the line") {
  TempFolder folder;
  auto file = folder.write("latin.txt", "ligne\nd\xE9j\xE0 vu\n");
  CHECK_THAT(message_of([&] { documents_of(file); }),
             has_text("latin.txt: line 2: byte 2 of the line is not UTF-8"));
}

// Whatever a disk or a program has done to a file: its texts are good UTF-8, or it is an error.
TEST_CASE("a mutated file gives sound texts and faults, or is refused by name") {
  TempFolder folder;
  write_gzip(folder / "whole.gz", kLines + "\n" + kLines);
  const std::string gz = tests::read_file(folder / "whole.gz"), zstd = zstd_of(kLines, true);
  const std::vector<std::pair<const char*, std::string>> wholes = {{"m.jsonl", kLines},
                                                                   {"m.txt", "un\ndéux\n中\n"},
                                                                   {"m.jsonl.gz", gz + gz},
                                                                   {"m.txt.zst", zstd + zstd}};
  std::mt19937 draw(3);
  int64_t refused = 0, texts = 0;
  for (int i = 0; i < 8000; ++i) {
    const auto& [name, whole] = wholes[static_cast<size_t>(i) % wholes.size()];
    const std::string bytes = tests::damaged(whole, draw, 4);
    auto file = folder.write(name, bytes);
    try {
      read_raw_texts(file, "text", [&](RawText&& raw, int64_t used) {
        ParsedText parsed = parse_text(raw, "text");
        REQUIRE(valid_utf8_prefix(parsed.text) == parsed.text.size());
        REQUIRE((parsed.usable || (parsed.text.empty() && parsed.faults.size() == 1)));
        REQUIRE(used <= static_cast<int64_t>(bytes.size()));
        ++texts;
        return true;
      });
    } catch (const std::runtime_error& error) {
      ++refused;
      REQUIRE_THAT(error.what(), has_text(std::string(name) + ": the "));
    }
  }
  CHECK(refused > 1000);
  CHECK(texts > 4000);
}

TEST_CASE("missing files, folders and unknown endings are named") {
  TempFolder folder;
  CHECK_THAT(message_of([&] { documents_of(folder / "none.jsonl"); }),
             has_text("none.jsonl: cannot be read"));
  std::filesystem::create_directory(folder / "dir.txt");
  CHECK_THAT(message_of([&] { documents_of(folder / "dir.txt"); }), has_text("dir.txt"));
  CHECK_THAT(message_of([&] { documents_of(folder.write("a.pdf", "x")); }),
             has_text("unknown ending"));
}

TEST_CASE("reading stops when asked to") {
  TempFolder folder;
  int seen = 0;
  read_raw_texts(folder.write("a.jsonl", kLines), "text",
                 [&](RawText&&, int64_t) { return ++seen < 2; });
  CHECK(seen == 2);
}

TEST_CASE("UTF-8 is checked as RFC 3629 asks") {
  CHECK(valid_utf8_prefix("a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80") == 10);
  CHECK(valid_utf8_prefix("ab\x80") == 2);            // lone continuation
  CHECK(valid_utf8_prefix("\xC0\xAF") == 0);          // overlong
  CHECK(valid_utf8_prefix("\xE0\x80\xAF") == 0);      // overlong
  CHECK(valid_utf8_prefix("\xED\xA0\x80") == 0);      // surrogate
  CHECK(valid_utf8_prefix("\xF4\x90\x80\x80") == 0);  // above U+10FFFF
  CHECK(valid_utf8_prefix("x\xE4\xB8") == 1);         // cut off
}

// A second implementation: what a code point's own encoding is, compared byte for byte.
TEST_CASE("exactly the encodings of the code points are valid UTF-8") {
  auto encoded = [](uint32_t c) {
    std::string bytes;
    auto add = [&](uint32_t byte) { bytes += static_cast<char>(byte); };
    if (c < 0x80) {
      add(c);
    } else if (c < 0x800) {
      add(0xC0 | c >> 6), add(0x80 | (c & 63));
    } else if (c < 0x10000) {
      add(0xE0 | c >> 12), add(0x80 | (c >> 6 & 63)), add(0x80 | (c & 63));
    } else {
      add(0xF0 | c >> 18), add(0x80 | (c >> 12 & 63)), add(0x80 | (c >> 6 & 63)),
          add(0x80 | (c & 63));
    }
    return bytes;
  };
  std::set<std::string> three_bytes;
  for (uint32_t c = 1; c < 0x110000; ++c) {
    std::string bytes = encoded(c);
    bool surrogate = c >= 0xD800 && c < 0xE000;
    REQUIRE((valid_utf8_prefix(bytes) == bytes.size()) == !surrogate);
    if (bytes.size() == 3 && !surrogate) three_bytes.insert(bytes);
  }
  // Of all 2^20 strings of three bytes that begin with a lead byte for three, only those are whole.
  size_t valid = 0;
  for (int lead = 0xE0; lead < 0xF0; ++lead) {
    for (int rest = 0; rest < 0x10000; ++rest) {
      char bytes[] = {static_cast<char>(lead), static_cast<char>(rest >> 8),
                      static_cast<char>(rest & 0xFF)};
      valid += valid_utf8_prefix({bytes, 3}) == 3;
    }
  }
  CHECK(valid == three_bytes.size());
  CHECK(valid_utf8_prefix(std::string("a\0b", 3)) == 1);
}

}  // namespace crosslaw::trainer
