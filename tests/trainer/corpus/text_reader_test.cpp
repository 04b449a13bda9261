#include "trainer/corpus/text_reader.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

std::string zstd_of(const std::string& text, bool checksum = false) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, checksum);
  packed.resize(
      ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size()));
  return packed;
}

void write_gzip(const std::filesystem::path& file, const std::string& text) {
  gzFile gz = gzopen(file.c_str(), "wb");
  gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
  gzclose(gz);
}

// The parts of a .txt put together again; the first fault is thrown as "file: line n: reason".
std::vector<std::string> documents_of(const std::filesystem::path& file,
                                      const std::string& text_field = "text") {
  std::vector<std::string> documents;
  read_raw_texts(file, text_field, [&](RawText&& raw, int64_t) {
    ParsedText parsed = parse_text(raw, text_field);
    for (const TextFault& fault : parsed.faults) {
      throw std::runtime_error(file.string() + ": line " + std::to_string(fault.line) + ": " +
                               fault.reason);
    }
    if (raw.begins_document) documents.emplace_back();
    documents.back() += parsed.text;
    return true;
  });
  return documents;
}

const std::string kLines =
    "{\"text\": \"un\"}\n\n{\"id\": 7, \"text\": \"d\\u00e9ux\\nlignes\"}\r\n{\"text\": \"中\"}";
const std::vector<std::string> kTexts = {"un", "déux\nlignes", "中"};

}  // namespace

TEST_CASE("documents are the same plain, as zst and as gz") {
  TempFolder folder;
  CHECK(documents_of(folder.write("a.jsonl", kLines)) == kTexts);
  CHECK(documents_of(folder.write("a.jsonl.zst", zstd_of(kLines))) == kTexts);
  write_gzip(folder / "a.jsonl.gz", kLines);
  CHECK(documents_of(folder / "a.jsonl.gz") == kTexts);
  CHECK(documents_of(folder.write("a.txt", "one\n\ntwo\n")) ==
        std::vector<std::string>{"one\n\ntwo\n"});
}

TEST_CASE("several zstd frames in one file are read as one text") {
  TempFolder folder;
  auto file =
      folder.write("a.jsonl.zst", zstd_of("{\"text\":\"a\"}\n") + zstd_of("{\"text\":\"b\"}\n"));
  CHECK(documents_of(file) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a compressed file cut at any byte is an error and never a shorter text") {
  TempFolder folder;
  std::string packed = zstd_of(kLines);
  for (size_t length = 0; length < packed.size(); ++length) {
    auto file = folder.write("cut.jsonl.zst", packed.substr(0, length));
    CHECK_THAT(message_of([&] { documents_of(file); }),
               has_text("cut.jsonl.zst") && has_text("zstd"));
  }
  write_gzip(folder / "a.jsonl.gz", kLines);
  std::string gz = tests::read_file(folder / "a.jsonl.gz");
  for (size_t length = 0; length < gz.size(); ++length) {
    for (const char* name : {"cut.jsonl.gz", "cut.txt.gz"}) {
      auto file = folder.write(name, gz.substr(0, length));
      CHECK_THAT(message_of([&] { documents_of(file); }),
                 has_text(name) && has_text("gzip data are damaged or cut off"));
    }
  }
}

TEST_CASE("a flipped byte in zstd data is named") {
  TempFolder folder;
  std::string packed = zstd_of(std::string(5000, 'x') + kLines);
  packed[2] = static_cast<char>(packed[2] ^ 0x55);
  auto file = folder.write("bad.jsonl.zst", packed);
  CHECK_THAT(message_of([&] { documents_of(file); }),
             has_text("bad.jsonl.zst: the zstd data are damaged near byte"));
}

TEST_CASE("damage is named with its place: the byte of the file, and which member or frame") {
  TempFolder folder;
  write_gzip(folder / "1.gz", kLines + "\n");
  const std::string gz = tests::read_file(folder / "1.gz"), zstd = zstd_of(kLines + "\n", true);
  auto message = [&](const char* name, const std::string& bytes) {
    auto file = folder.write(name, bytes);
    return message_of([&] { documents_of(file); });
  };
  std::string second = gz;
  second[0] ^= 4;
  CHECK_THAT(message("a.jsonl.gz", gz + gz + second),
             has_text("near byte " + std::to_string(2 * gz.size() + 2)) && has_text("in member 3"));
  CHECK_THAT(message("a.jsonl.gz", gz + "\n"), has_text("in member 2: the file ends early"));
  CHECK_THAT(message("a.jsonl.gz", gz + gz.substr(0, gz.size() / 2)),
             has_text("in member 2: the file ends early"));
  CHECK_THAT(message("a.jsonl.zst", zstd + "trailing garbage"),
             has_text("the zstd data are damaged near byte " + std::to_string(zstd.size())) &&
                 has_text("in frame 2"));
  CHECK_THAT(message("a.jsonl.zst", zstd + zstd.substr(0, zstd.size() - 1)),
             has_text("the zstd data are cut off near byte") && has_text("in frame 2"));
}

TEST_CASE("zstd frames with the longest window are read") {
  TempFolder folder;
  // Streamed, so that the frame states its window instead of its size.
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  std::string packed(1000, '\0');
  ZSTD_inBuffer in{kLines.data(), kLines.size(), 0};
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  REQUIRE(ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_flush) == 0);
  in = {kLines.data(), 0, 0};
  REQUIRE(ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_end) == 0);
  packed.resize(out.pos);
  // RFC 8878, 3.1.1.1.2: the window's exponent less 10 in the byte behind magic and descriptor;
  // `zstd --long=31` writes 31.
  REQUIRE((packed[4] & 0x20) == 0);
  packed[5] = static_cast<char>((31 - 10) << 3);
  CHECK(documents_of(folder.write("a.jsonl.zst", packed)) == kTexts);
}

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

// gzip's header holds a time, flags and the system, zstd's an optional size: a flip there is
// harmless.
TEST_CASE("a flipped bit anywhere in compressed data is an error or changes nothing") {
  TempFolder folder;
  write_gzip(folder / "a.jsonl.gz", kLines + "\n");
  const std::string gz = tests::read_file(folder / "a.jsonl.gz"), zstd = zstd_of(kLines, true);
  for (const auto& [name, whole] : {std::pair{"bad.jsonl.gz", gz + gz}, {"bad.jsonl.zst", zstd}}) {
    auto expected = documents_of(folder.write(name, whole));
    int64_t refused = 0;
    for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      std::vector<std::string> read;
      std::string message = message_of([&] { read = documents_of(folder.write(name, flipped)); });
      INFO(name << ", bit " << bit << ": " << message);
      if (message == "(nothing was thrown)") {
        REQUIRE(read == expected);
      } else {
        ++refused;
        REQUIRE_THAT(message, has_text(name));
      }
    }
    CHECK(refused > static_cast<int64_t>(7 * whole.size()));
  }
}

TEST_CASE("gzip members one after the other are one text, and nothing else may follow them") {
  TempFolder folder;
  write_gzip(folder / "1.gz", "{\"text\":\"a\"}\n");
  write_gzip(folder / "2.gz", "{\"text\":\"b\"}\n");
  std::string first = tests::read_file(folder / "1.gz"), second = tests::read_file(folder / "2.gz");
  CHECK(documents_of(folder.write("a.jsonl.gz", first + second)) ==
        std::vector<std::string>{"a", "b"});
  for (const std::string& tail : {second.substr(1), std::string("x"), std::string(512, '\0')}) {
    auto file = folder.write("a.jsonl.gz", first + tail);
    CHECK_THAT(message_of([&] { documents_of(file); }), has_text("a.jsonl.gz: the gzip"));
  }
  // What is not compressed at all is not read as if it were.
  CHECK_THAT(message_of([&] { documents_of(folder.write("a.jsonl.gz", kLines)); }),
             has_text("the gzip data are damaged"));
}

TEST_CASE("documents longer than a piece of the reader come whole, however they are packed") {
  TempFolder folder;
  std::string large, lines;
  std::vector<std::string> texts;
  for (int i = 0; i < 40'000; ++i) large += "mot " + std::to_string(i * 7919 % 10'007) + " é中 ";
  for (const std::string& text : {std::string("x"), large, std::string(), large + "end"}) {
    texts.push_back(text);
    lines += "{\"text\":\"" + text + "\"}\n";
  }
  REQUIRE(lines.size() > 3 * (size_t{1} << 18));
  CHECK(documents_of(folder.write("a.jsonl", lines)) == texts);
  CHECK(documents_of(folder.write("a.jsonl.zst", zstd_of(lines))) == texts);
  write_gzip(folder / "a.jsonl.gz", lines);
  CHECK(documents_of(folder / "a.jsonl.gz") == texts);
  write_gzip(folder / "a.txt.gz", large);
  CHECK(documents_of(folder / "a.txt.gz") == std::vector<std::string>{large});
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
    std::string bytes = whole;
    for (unsigned n = 0; n <= draw() % 4; ++n) {
      const size_t at = draw() % bytes.size();
      switch (draw() % 4) {
        case 0:
          bytes[at] = static_cast<char>(draw());
          break;
        case 1:
          bytes.erase(at, 1 + draw() % 9);
          break;
        case 2:
          bytes[at] ^= static_cast<char>(1 << draw() % 8);
          break;
        default:
          bytes.insert(at, bytes.substr(draw() % bytes.size(), 1 + draw() % 40));
      }
      if (bytes.empty()) bytes = "x";
    }
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
