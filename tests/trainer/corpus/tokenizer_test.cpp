#include "trainer/corpus/tokenizer.h"

#include <sentencepiece_processor.h>

#include <numeric>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

// Serialized, of 400 tokens, trained on a made-up language with digits and accents.
std::string trained_model() {
  int left = 2000;
  uint32_t draw = 1;
  return train_tokenizer(400, [&](std::string& line) {
    line.clear();
    for (int word = 0; word < 8; ++word) {
      draw = draw * 1103515245u + 12345u;
      for (uint32_t i = 0; i < 2 + (draw >> 16) % 3; ++i)
        line += std::vector<std::string>{"la", "ri", "é", "mer", "23"}[(draw >> (18 + 3 * i)) % 5];
      line += ' ';
    }
    return left-- > 0;
  });
}

const std::string& model() {
  static const std::string kModel = trained_model();
  return kModel;
}

// What a tokenizer meets in web text.
const std::vector<std::string> kOddTexts = {
    "",
    " ",
    "   la  mer ",
    "\n",
    "\tla\r\nmer\n\n",
    "la",
    "1234567890",
    "</s><s><unk><0x0A><pad>",
    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80",  // an emoji of three code points
    "e\xCC\x81 is not \xC3\xA9",                     // combining accent: kept as it is
    "\xEF\xBC\xA1\xE2\x85\xA3\xC2\xA0",              // full width, Roman numeral, no-break space
    "\xE4\xB8\xAD\xE6\x96\x87",
    "\x01\x7F",
    std::string(5000, ' '),
    std::string(70'000, 'x'),
};

}  // namespace

TEST_CASE("the tokens of a text are its bytes, and only NUL stands for none") {
  Tokenizer tokenizer = Tokenizer::bytes();
  CHECK(tokenizer.vocabulary() == 256);
  CHECK(tokenizer.separator() == 0);
  std::string all(255, '\0');
  std::iota(all.begin(), all.end(), '\1');
  std::vector<int32_t> tokens = tokenizer.encode(all);
  REQUIRE(tokens.size() == 255);
  for (int32_t i = 0; i < 255; ++i) {
    CHECK(tokens[static_cast<size_t>(i)] == i + 1);
  }
  CHECK(tokenizer.decode(tokens) == all);
  CHECK(tokenizer.bytes_of_first_tokens(all, 7) == 7);
  CHECK(tokenizer.bytes_of_first_tokens(all, 300) == 255);
  CHECK(tokenizer.is_lossless());
  // The name of this tokenizer is part of every run's key and must never change.
  CHECK(tokenizer.sha256() == "f3804c6e680c61d8aa43ee90e9653cfa53620a1f760f56a7b96a1d68c6df1676");
}

TEST_CASE("a trained tokenizer loses nothing: SentencePiece's own decoder gives the text back") {
  TempFolder folder;
  Tokenizer tokenizer = Tokenizer::load(folder.write("m.model", model()));
  sentencepiece::SentencePieceProcessor decoder;
  REQUIRE(decoder.LoadFromSerializedProto(model()).ok());
  CHECK(tokenizer.vocabulary() == 400);
  for (const std::string& text : kOddTexts) {
    INFO(text.substr(0, 60));
    std::vector<int32_t> tokens = tokenizer.encode(text);
    std::string decoded;
    REQUIRE(decoder.Decode(std::vector<int>(tokens.begin(), tokens.end()), &decoded).ok());
    CHECK(decoded == text);
    CHECK(tokenizer.decode(tokens) == text);
    CHECK(tokenizer.bytes_of_first_tokens(text, static_cast<int64_t>(tokens.size())) ==
          static_cast<int64_t>(text.size()));
    for (int32_t token : tokens) {
      REQUIRE(token >= 0);
      REQUIRE(token < tokenizer.vocabulary());
      // No text can forge the end of a document.
      REQUIRE(token != tokenizer.separator());
    }
  }
}

TEST_CASE("a trained tokenizer is shorter than bytes and splits numbers into digits") {
  TempFolder folder;
  Tokenizer tokenizer = Tokenizer::load(folder.write("m.model", model()));
  std::string text = "larimer merla éri 23 ";
  CHECK(tokenizer.encode(text).size() < text.size() / 2);
  CHECK(tokenizer.encode("232323").size() == 6);
}

TEST_CASE("the bytes of a beginning of the tokens are those of the text that they were made of") {
  TempFolder folder;
  Tokenizer tokenizer = Tokenizer::load(folder.write("m.model", model()));
  std::string text = "la mer 23 \xE4\xB8\xAD rimer", before;
  std::vector<int32_t> tokens = tokenizer.encode(text);
  for (size_t count = 0; count <= tokens.size(); ++count) {
    std::string start =
        tokenizer.decode({tokens.begin(), tokens.begin() + static_cast<long>(count)});
    auto bytes = tokenizer.bytes_of_first_tokens(text, static_cast<int64_t>(count));
    // Where a character is cut, its bytes count with the token that completes it.
    if (text.starts_with(start)) CHECK(bytes == static_cast<int64_t>(start.size()));
    CHECK(bytes >= static_cast<int64_t>(before.size()));
    if (text.starts_with(start)) before = start;
  }
}

TEST_CASE("lost bytes are counted without regard to place, and nothing is lost of an equal text") {
  CHECK(lost_bytes("", "") == 0);
  CHECK(lost_bytes("abc", "abc") == 0);
  CHECK(lost_bytes("a\n  b", "a b") == 2);                   // newline and a space
  CHECK(lost_bytes("\xEF\xBC\xA1x", "Ax") == 3);             // full width to plain
  CHECK(lost_bytes("\xE4\xB8\xAD", " \xE2\x81\x87 ") == 3);  // the sign for <unk>
  CHECK(lost_bytes("abc", "") == 3);
  CHECK(lost_bytes("", "abc") == 0);
}

TEST_CASE("training twice on one text gives the same model to the last byte") {
  CHECK(trained_model() == model());
}

TEST_CASE("a cut or foreign tokenizer file is named, or is another tokenizer by its hash") {
  TempFolder folder;
  Tokenizer whole = Tokenizer::load(folder.write("m.model", model()));
  int64_t refused = 0;
  for (size_t length = 0; length < model().size(); length += 1 + model().size() / 150) {
    auto file = folder.write("cut.model", model().substr(0, length));
    std::string hash, message = message_of([&] { hash = Tokenizer::load(file).sha256(); });
    CHECK(hash != whole.sha256());
    if (message == "(nothing was thrown)") continue;
    ++refused;
    REQUIRE_THAT(message, has_text("cut.model: "));
  }
  CHECK(refused > 100);
  CHECK_THAT(message_of([&] { Tokenizer::load(folder / "none.model"); }),
             has_text("there is no file") && has_text("none.model"));
  CHECK_THAT(message_of([&] { Tokenizer::load(folder.write("a.model", "{\"model\": 1}")); }),
             has_text("a.model: not a SentencePiece model"));
}

TEST_CASE("a text that does not fit the vocabulary is an error with the key and what to write") {
  auto message = [](int64_t vocabulary, const std::string& line, int times) {
    return message_of([&] {
      train_tokenizer(vocabulary, [&](std::string& into) {
        into = line;
        return times-- > 0;
      });
    });
  };
  CHECK_THAT(message(1000, "abc", 3),
             has_text("data.tokenizer = \"train:1000\": the training text has words for 2") &&
                 has_text("tokens at most; write \"train:2"));
  std::string letters;
  for (int c = 0; c < 500; ++c)  // as many characters as U+4E00 and the next ones
    letters += {'\xE4', static_cast<char>(0xB8 + c / 64), static_cast<char>(0x80 + c % 64)};
  CHECK_THAT(message(300, letters, 30),
             has_text("the characters of the training text alone need") && has_text("or more"));
  CHECK_THAT(message(300, "", 0), has_text("the training texts hold no line to learn from"));
}

}  // namespace crosslaw::trainer
