#include "trainer/corpus/text_reader.h"

#include <zlib.h>
#include <zstd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

std::string zstd_of(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
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
  for (size_t length = 1; length < packed.size(); ++length) {
    auto file = folder.write("cut.jsonl.zst", packed.substr(0, length));
    CHECK_THAT(message_of([&] { documents_of(file); }),
               Catch::Contains("cut.jsonl.zst") && Catch::Contains("zstd"));
  }
  write_gzip(folder / "a.jsonl.gz", kLines);
  std::string gz = tests::read_file(folder / "a.jsonl.gz");
  for (size_t length = 11; length < gz.size(); ++length) {
    auto file = folder.write("cut.jsonl.gz", gz.substr(0, length));
    CHECK_THAT(message_of([&] { documents_of(file); }), Catch::Contains("cut.jsonl.gz"));
  }
}

TEST_CASE("a flipped byte in zstd data is named") {
  TempFolder folder;
  std::string packed = zstd_of(std::string(5000, 'x') + kLines);
  packed[2] = static_cast<char>(packed[2] ^ 0x55);
  auto file = folder.write("bad.jsonl.zst", packed);
  CHECK_THAT(message_of([&] { documents_of(file); }),
             Catch::Contains("bad.jsonl.zst: the zstd data are damaged"));
}

TEST_CASE("what is no document names file and line") {
  TempFolder folder;
  auto message = [&](const std::string& content) {
    auto file = folder.write("a.jsonl", content);
    return message_of([&] { documents_of(file); });
  };
  CHECK_THAT(message("{\"text\":\"ok\"}\nnonsense\n"),
             Catch::Contains("a.jsonl: line 2: expected a JSON object with a string \"text\""));
  CHECK_THAT(message("{\"body\":\"x\"}\n"), Catch::Contains("line 1"));
  CHECK_THAT(message("[1,2]\n"), Catch::Contains("line 1"));
  CHECK_THAT(message("{\"text\":3}\n"), Catch::Contains("line 1"));
  CHECK_THAT(message("{\"text\":\"a\\u0000b\"}\n"),
             Catch::Contains("line 1: byte 2 of the text is NUL"));
  CHECK_THAT(message("{\"text\":\"\xff\"}\n"), Catch::Contains("line 1"));
}

TEST_CASE("text that is not UTF-8 names the line") {
  TempFolder folder;
  auto file = folder.write("latin.txt", "ligne\nd\xE9j\xE0 vu\n");
  CHECK_THAT(message_of([&] { documents_of(file); }),
             Catch::Contains("latin.txt: line 2: byte 8 of the text is not UTF-8"));
}

TEST_CASE("missing files, folders and unknown endings are named") {
  TempFolder folder;
  CHECK_THAT(message_of([&] { documents_of(folder / "none.jsonl"); }),
             Catch::Contains("none.jsonl: cannot be read"));
  std::filesystem::create_directory(folder / "dir.txt");
  CHECK_THAT(message_of([&] { documents_of(folder / "dir.txt"); }), Catch::Contains("dir.txt"));
  CHECK_THAT(message_of([&] { documents_of(folder.write("a.pdf", "x")); }),
             Catch::Contains("unknown ending"));
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

}  // namespace crosslaw::trainer
