// Files that other programs wrote, as any bytes whatever. The first byte says which reader they are
// for. Whatever they are, the reader gives what lies within them or throws an exception that names
// the file.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_file.h"
#include "trainer/interchange/tensor_file.h"

namespace {

namespace fs = std::filesystem;
using namespace crosslaw::trainer;

fs::path in_memory(const std::string& name) {
  static const fs::path folder = [] {
    const fs::path made =
        (fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
        ("crosslaw-fuzz-" + std::to_string(::getpid()));
    fs::create_directories(made);
    return made;
  }();
  return folder / name;
}

void write(const fs::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void read_tensors(const fs::path& file, size_t bytes) {
  for (const auto& [name, tensor] : tensors_in_file(file)) {
    size_t numbers = 0;
    read_numbers(name, tensor, [&](const std::vector<float>& piece) { numbers += piece.size(); });
    require(numbers == tensor.count && 2 * numbers <= bytes);
  }
}

void read_token_file(const fs::path& file, size_t bytes) {
  size_t tokens = 0;
  read_tokens(open_token_file(file), 50'257, [&](const std::vector<int32_t>& piece) {
    tokens += piece.size();
    return true;
  });
  require(tokens <= bytes);
}

void read_texts(const fs::path& file) {
  read_raw_texts(file, "text", [&](RawText&& raw, int64_t) {
    const ParsedText parsed = parse_text(raw, "text");
    require(valid_utf8_prefix(parsed.text) == parsed.text.size());
    require(parsed.usable || parsed.text.empty());
    return true;
  });
}

// By the reader: the file that the bytes become.
const char* const kNames[] = {"f.safetensors", "f.bin",      "g.bin",      "f.jsonl",
                              "f.txt",         "f.jsonl.gz", "f.jsonl.zst"};
constexpr size_t kMegatron = 2;  // the bytes are the index; its tokens are these

void read(size_t reader, const fs::path& file, size_t bytes) {
  if (reader == 0) return read_tensors(file, bytes);
  if (reader <= kMegatron) return read_token_file(file, bytes);
  read_texts(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t reader = data[0] % std::size(kNames);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const fs::path file = in_memory(kNames[reader]);
  if (reader == kMegatron) {
    write(in_memory("g.idx"), bytes);
    write(file, "0123456789abcdef");
  } else {
    write(file, bytes);
  }
  try {
    read(reader, file, std::max<size_t>(bytes.size(), 16));
  } catch (const std::exception& error) {
    require(std::string_view(error.what()).find("crosslaw-fuzz-") != std::string_view::npos);
  }
  return 0;
}
