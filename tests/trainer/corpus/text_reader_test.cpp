#include "trainer/corpus/text_reader.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>
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

std::vector<std::string> documents_of(const std::filesystem::path& file) {
  std::vector<std::string> documents;
  read_documents(file, [&](std::string_view text) {
    documents.emplace_back(text);
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
             has_text("bad.jsonl.zst: the zstd data are damaged"));
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
             has_text("latin.txt: line 2: byte 8 of the text is not UTF-8"));
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
  read_documents(folder.write("a.jsonl", kLines), [&](std::string_view) { return ++seen < 2; });
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
