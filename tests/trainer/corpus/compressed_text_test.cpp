#include <zstd.h>

#include <memory>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/trainer/corpus/text_files.h"

namespace crosslaw::trainer {

using tests::message_of;
using tests::TempFolder;

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
      std::string message =
          message_of([&, &name = name] { read = documents_of(folder.write(name, flipped)); });
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

}  // namespace crosslaw::trainer
