#include "trainer/corpus/text_reader.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "db/files/utf8.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPieceBytes = size_t{1} << 18;  // what the second cache holds

// Fills `piece` with the next decompressed bytes; returns their number, 0 at the end.
using ByteSource = std::function<size_t(std::vector<char>& piece)>;

[[noreturn]] void fail(const fs::path& file, const std::string& reason) {
  throw std::runtime_error(fmt::format("{}: {}", file.string(), reason));
}

std::ifstream open_plain(const fs::path& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) fail(file, fmt::format("cannot be read: {}", std::strerror(errno)));
  if (fs::is_directory(file)) fail(file, "is a folder, a text file was expected");
  return input;
}

size_t read_piece(std::ifstream& input, char* into, size_t count, const fs::path& file) {
  input.read(into, static_cast<std::streamsize>(count));
  if (input.bad()) fail(file, "reading failed");
  return static_cast<size_t>(input.gcount());
}

ByteSource plain_source(const fs::path& file) {
  auto input = std::make_shared<std::ifstream>(open_plain(file));
  return [input, file](std::vector<char>& piece) {
    return read_piece(*input, piece.data(), piece.size(), file);
  };
}

// Members one after the other. zlib's own gzread would take a file without the gzip magic for plain
// text, and leave out what follows a member unless it has the magic too: a flipped bit there would
// shorten the text in silence.
class GzipReader {
 public:
  explicit GzipReader(fs::path file)
      : file_(std::move(file)), input_(open_plain(file_)), compressed_(kPieceBytes) {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) fail(file_, "zlib has no memory");
  }
  ~GzipReader() { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  size_t read(std::vector<char>& piece) {
    stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream_.avail_out = static_cast<uInt>(piece.size());
    while (stream_.avail_out == piece.size()) {
      if (stream_.avail_in == 0) {
        stream_.next_in = reinterpret_cast<Bytef*>(compressed_.data());
        stream_.avail_in =
            static_cast<uInt>(read_piece(input_, compressed_.data(), compressed_.size(), file_));
        if (stream_.avail_in == 0) {
          if (open_member_)
            fail(file_, "the gzip data are damaged or cut off: the file ends early");
          return 0;
        }
      }
      if (!open_member_) inflateReset(&stream_);
      open_member_ = true;
      int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) open_member_ = false;
      if (code != Z_OK && code != Z_STREAM_END)
        fail(file_, fmt::format("the gzip data are damaged or cut off: {}",
                                stream_.msg ? stream_.msg : zError(code)));
    }
    return piece.size() - stream_.avail_out;
  }

 private:
  static constexpr int kGzipOnly = 15 + 16;  // largest window, gzip header and checksum required
  fs::path file_;
  std::ifstream input_;
  std::vector<char> compressed_;
  z_stream stream_{};
  bool open_member_ = true;  // an empty file is cut off, too
};

ByteSource gzip_source(const fs::path& file) {
  auto reader = std::make_shared<GzipReader>(file);
  return [reader](std::vector<char>& piece) { return reader->read(piece); };
}

class ZstdReader {
 public:
  explicit ZstdReader(fs::path file)
      : file_(std::move(file)),
        input_(open_plain(file_)),
        context_(ZSTD_createDStream(), ZSTD_freeDStream),
        compressed_(ZSTD_DStreamInSize()),
        source_{compressed_.data(), 0, 0} {}

  size_t read(std::vector<char>& piece) {
    ZSTD_outBuffer target{piece.data(), piece.size(), 0};
    while (target.pos == 0) {
      if (source_.pos == source_.size) {
        source_.size = read_piece(input_, compressed_.data(), compressed_.size(), file_);
        source_.pos = 0;
        if (source_.size == 0) {
          if (open_frame_) fail(file_, "the zstd data are cut off: the file ends inside a frame");
          return 0;
        }
      }
      size_t left = ZSTD_decompressStream(context_.get(), &target, &source_);
      if (ZSTD_isError(left))
        fail(file_, fmt::format("the zstd data are damaged: {}", ZSTD_getErrorName(left)));
      open_frame_ = left != 0;
    }
    return target.pos;
  }

 private:
  fs::path file_;
  std::ifstream input_;
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> context_;
  std::vector<char> compressed_;
  ZSTD_inBuffer source_;
  bool open_frame_ = true;  // an empty file is cut off, too
};

ByteSource zstd_source(const fs::path& file) {
  auto reader = std::make_shared<ZstdReader>(file);
  return [reader](std::vector<char>& piece) { return reader->read(piece); };
}

void check_utf8(std::string_view text, const fs::path& file, size_t line) {
  size_t good = valid_utf8_prefix(text);
  if (good == text.size()) return;
  fail(file,
       fmt::format("line {}: byte {} of the text is {}; convert the file to UTF-8 (iconv, ftfy)",
                   line, good + 1, text[good] == '\0' ? "NUL" : "not UTF-8"));
}

std::string text_of_line(std::string_view line, const fs::path& file, size_t number) {
  try {
    nlohmann::json object = nlohmann::json::parse(line);
    return object.at("text").get<std::string>();
  } catch (const nlohmann::json::exception&) {
    fail(file, fmt::format(
                   "line {}: expected a JSON object with a string \"text\" in UTF-8, found: {:.60}",
                   number, line.substr(0, valid_utf8_prefix(line))));
  }
}

void read_lines(const ByteSource& source, const fs::path& file,
                const std::function<bool(std::string_view)>& on_document) {
  std::vector<char> piece(kPieceBytes);
  std::string line;
  size_t number = 0;
  auto finish_line = [&]() {
    ++number;
    // Blank lines are no documents; they still count as lines in messages.
    if (line.find_first_not_of(" \t\r") == std::string::npos) return true;
    std::string text = text_of_line(line, file, number);
    check_utf8(text, file, number);
    return on_document(text);
  };
  while (size_t count = source(piece)) {
    std::string_view rest(piece.data(), count);
    for (size_t end; (end = rest.find('\n')) != std::string_view::npos;
         rest.remove_prefix(end + 1)) {
      line.append(rest.substr(0, end));
      if (!finish_line()) return;
      line.clear();
    }
    // A line may run over several pieces.
    line.append(rest);
  }
  if (!line.empty()) finish_line();
}

void read_whole(const ByteSource& source, const fs::path& file,
                const std::function<bool(std::string_view)>& on_document) {
  std::vector<char> piece(kPieceBytes);
  std::string text;
  while (size_t count = source(piece)) text.append(piece.data(), count);
  // The line is counted only for the message, up to the first bad byte.
  size_t good = valid_utf8_prefix(text);
  check_utf8(
      text, file,
      static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<long>(good), '\n')) +
          1);
  if (!text.empty()) on_document(text);
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

void read_documents(const fs::path& file,
                    const std::function<bool(std::string_view)>& on_document) {
  fs::path name = file.filename();
  ByteSource source;
  if (name.extension() == ".zst") source = zstd_source(file);
  if (name.extension() == ".gz") source = gzip_source(file);
  if (source) name = name.stem();
  if (!source) source = plain_source(file);
  if (name.extension() == ".jsonl") return read_lines(source, file, on_document);
  if (name.extension() == ".txt") return read_whole(source, file, on_document);
  fail(file, "unknown ending; expected .jsonl or .txt, or either with .zst or .gz behind it");
}

}  // namespace crosslaw::trainer
