#include "trainer/corpus/token_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

constexpr int32_t kLlmcUint16 = 20240520, kLlmcUint32 = 20240801;
constexpr int64_t kLlmcHeaderBytes = 256 * sizeof(int32_t);
constexpr std::string_view kMegatronMagic{"MMIDIDX\0\0", 9};
constexpr int64_t kTokensAtOnce = int64_t{1} << 16;

[[noreturn]] void refuse_tokens(const fs::path& file, const std::string& reason) {
  throw std::invalid_argument(fmt::format("{}: {}", file.string(), reason));
}

int64_t size_of(const fs::path& file) {
  std::error_code error;
  const bool regular = fs::is_regular_file(file, error);
  const auto size = regular ? fs::file_size(file, error) : 0;
  if (!regular || error) refuse_tokens(file, "cannot be read; a file of tokens was expected");
  return static_cast<int64_t>(size);
}

struct TokenType {
  int64_t bytes;
  bool is_signed;
};

// By Megatron's number for a type; the floating-point ones hold no tokens.
TokenType megatron_type(int code, const fs::path& index) {
  switch (code) {
    case 1:
      return {1, false};
    case 2:
      return {1, true};
    case 3:
      return {2, true};
    case 4:
      return {4, true};
    case 5:
      return {8, true};
    case 8:
      return {2, false};
    default:
      refuse_tokens(index, fmt::format("type code {} is none of whole numbers", code));
  }
}

class IndexReader {
 public:
  explicit IndexReader(const fs::path& file)
      : file_(file), left_(size_of(file)), input_(file, std::ios::binary) {}
  template <typename T>
  T read() {
    return read_many<T>(1).front();
  }
  template <typename T>
  std::vector<T> read_many(int64_t count) {
    // Before memory is asked for: a damaged count must not take all of it.
    if (count < 0 || count > left_ / static_cast<int64_t>(sizeof(T)))
      refuse_tokens(file_, "is cut off, or its counts are damaged");
    std::vector<T> numbers(static_cast<size_t>(count));
    input_.read(reinterpret_cast<char*>(numbers.data()),
                static_cast<std::streamsize>(numbers.size() * sizeof(T)));
    if (!input_) refuse_tokens(file_, "is cut off");
    left_ -= count * static_cast<int64_t>(sizeof(T));
    return numbers;
  }
  int64_t left() const { return left_; }

 private:
  fs::path file_;
  int64_t left_;
  std::ifstream input_;
};

// Only an index that says of the .bin what lies there: whole, in order, without gaps.
TokenFile open_megatron(const fs::path& file, const fs::path& index) {
  IndexReader reader(index);
  const auto magic = reader.read_many<char>(static_cast<int64_t>(kMegatronMagic.size()));
  if (std::string_view(magic.data(), magic.size()) != kMegatronMagic)
    refuse_tokens(index, "is no Megatron index (MMIDIDX was expected)");
  if (const auto version = reader.read<uint64_t>(); version != 1)
    refuse_tokens(index,
                  fmt::format("Megatron index of version {}, this reads version 1", version));
  const TokenType type = megatron_type(reader.read<uint8_t>(), index);
  const auto sequences = static_cast<int64_t>(reader.read<uint64_t>());
  const auto bounds = static_cast<int64_t>(reader.read<uint64_t>());
  const auto lengths = reader.read_many<int32_t>(sequences);
  const auto offsets = reader.read_many<int64_t>(sequences);
  const auto documents = reader.read_many<int64_t>(bounds);
  if (reader.left() != 0) refuse_tokens(index, fmt::format("has {} bytes too many", reader.left()));
  const int64_t size = size_of(file);
  int64_t end = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < 0 || offsets[i] != end || lengths[i] > (size - end) / type.bytes)
      refuse_tokens(index, fmt::format("sequence {} does not lie behind the one before it in {}", i,
                                       file.filename().string()));
    end += lengths[i] * type.bytes;
  }
  if (end != size)
    refuse_tokens(file, fmt::format("has {} bytes, its index tells of {}", size, end));
  const bool sorted = std::is_sorted(documents.begin(), documents.end());
  if (documents.empty() || documents.front() != 0 || documents.back() != sequences || !sorted)
    refuse_tokens(index, "its documents do not cover its sequences");
  return {file,
          "Megatron",
          0,
          type.bytes,
          type.is_signed,
          size / type.bytes,
          std::max<int64_t>(1, bounds - 1)};
}

}  // namespace

bool is_token_file(const fs::path& file) { return file.extension() == ".bin"; }

TokenFile open_token_file(const fs::path& file) {
  const int64_t size = size_of(file);
  if (const fs::path index = fs::path(file).replace_extension(".idx"); fs::exists(index))
    return open_megatron(file, index);
  std::array<int32_t, 3> head{};
  std::ifstream input(file, std::ios::binary);
  input.read(reinterpret_cast<char*>(head.data()), sizeof head);
  const auto [magic, version, count] = head;
  // As 16-bit tokens both would begin with one above 50256, GPT-2's last: no nanoGPT file
  // begins so.
  if (input && (magic == kLlmcUint16 || magic == kLlmcUint32)) {
    const int64_t token_bytes = magic == kLlmcUint16 ? 2 : 4;
    if (version != (magic == kLlmcUint16 ? 1 : 7))
      refuse_tokens(file, fmt::format("an llm.c file of version {}, which is unknown", version));
    if (count < 0 || size != kLlmcHeaderBytes + count * token_bytes)
      refuse_tokens(file, fmt::format("has {} bytes, its llm.c header promises {} tokens in {}",
                                      size, count, kLlmcHeaderBytes + count * token_bytes));
    return {file, "llm.c", kLlmcHeaderBytes, token_bytes, false, count, 1};
  }
  if (size % 2 != 0)
    refuse_tokens(file,
                  fmt::format("has {} bytes; without a header of llm.c or an .idx of Megatron "
                              "beside it, 16-bit tokens as nanoGPT's were expected",
                              size));
  return {file, "nanoGPT", 0, 2, false, size / 2, 1};
}

void read_tokens(const TokenFile& file, int64_t vocabulary,
                 const std::function<bool(const std::vector<int32_t>& tokens)>& on_tokens) {
  std::ifstream input(file.file, std::ios::binary);
  input.seekg(file.first_byte);
  std::vector<char> bytes;
  std::vector<int32_t> tokens;
  for (int64_t done = 0; done < file.tokens; done += static_cast<int64_t>(tokens.size())) {
    const int64_t count = std::min(kTokensAtOnce, file.tokens - done);
    bytes.resize(static_cast<size_t>(count * file.token_bytes));
    input.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!input) refuse_tokens(file.file, "is cut off");
    tokens.resize(static_cast<size_t>(count));
    for (size_t i = 0; i < tokens.size(); ++i) {
      uint64_t token = 0;
      std::memcpy(&token, bytes.data() + i * static_cast<size_t>(file.token_bytes),
                  static_cast<size_t>(file.token_bytes));
      const bool negative = file.is_signed && token >> (8 * file.token_bytes - 1) != 0;
      if (negative || token >= static_cast<uint64_t>(vocabulary))
        refuse_tokens(
            file.file,
            fmt::format("token {} at {} is outside the vocabulary of {}; was the file made "
                        "by data.tokenizer, and is it one of {}?",
                        token, done + static_cast<int64_t>(i), vocabulary, file.format));
      tokens[i] = static_cast<int32_t>(token);
    }
    if (!on_tokens(tokens)) return;
  }
}

}  // namespace crosslaw::trainer
