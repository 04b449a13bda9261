#include "trainer/corpus/byte_source.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

constexpr size_t kCompressedBytesAtOnce = size_t{1} << 17;
// `zstd --long=31` looks back over 2 GiB. Memory is taken only as far as a frame asks for it.
constexpr int kLargestZstdWindowLog = sizeof(size_t) == 8 ? 31 : 30;

[[noreturn]] void fail_source(const fs::path& file, const std::string& reason) {
  throw std::runtime_error(fmt::format("{}: {}", file.string(), reason));
}

// A file read from its beginning to its end, with the number of bytes that came out of it.
class PlainFile {
 public:
  explicit PlainFile(fs::path file) : file_(std::move(file)), input_(file_, std::ios::binary) {
    if (!input_) fail_source(file_, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (fs::is_directory(file_)) fail_source(file_, "is a folder, a text file was expected");
  }
  size_t read(char* into, size_t count) {
    input_.read(into, static_cast<std::streamsize>(count));
    if (input_.bad()) fail_source(file_, fmt::format("reading failed behind byte {}", bytes_));
    bytes_ += input_.gcount();
    return static_cast<size_t>(input_.gcount());
  }
  const fs::path& path() const { return file_; }
  int64_t bytes() const { return bytes_; }

 private:
  fs::path file_;
  std::ifstream input_;
  int64_t bytes_ = 0;
};

// Members one after the other. zlib's own gzread would take a file without the gzip magic for plain
// text, and leave out what follows a member unless it has the magic too: a flipped bit there would
// shorten the text in silence.
class GzipReader {
 public:
  explicit GzipReader(const fs::path& file) : file_(file), compressed_(kCompressedBytesAtOnce) {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) fail_source(file, "zlib has no memory");
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
        stream_.avail_in = static_cast<uInt>(file_.read(compressed_.data(), compressed_.size()));
        if (stream_.avail_in == 0) {
          if (open_member_) fail("the file ends early");
          return 0;
        }
      }
      if (!open_member_) inflateReset(&stream_), ++member_;
      open_member_ = true;
      int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) open_member_ = false;
      if (code != Z_OK && code != Z_STREAM_END) fail(stream_.msg ? stream_.msg : zError(code));
    }
    return piece.size() - stream_.avail_out;
  }
  int64_t file_bytes() const { return file_.bytes() - static_cast<int64_t>(stream_.avail_in); }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    fail_source(file_.path(),
                fmt::format("the gzip data are damaged or cut off near byte {}, in member {}: {}",
                            file_bytes(), member_, reason));
  }

  static constexpr int kGzipOnly = 15 + 16;  // largest window, gzip header and checksum required
  PlainFile file_;
  std::vector<char> compressed_;
  z_stream stream_{};
  int64_t member_ = 1;
  bool open_member_ = true;  // an empty file is cut off, too
};

class ZstdReader {
 public:
  explicit ZstdReader(const fs::path& file)
      : file_(file),
        context_(ZSTD_createDCtx(), ZSTD_freeDCtx),
        compressed_(kCompressedBytesAtOnce),
        source_{compressed_.data(), 0, 0} {
    if (!context_) fail_source(file, "zstd has no memory");
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kLargestZstdWindowLog);
  }

  size_t read(std::vector<char>& piece) {
    ZSTD_outBuffer target{piece.data(), piece.size(), 0};
    while (target.pos == 0) {
      if (source_.pos == source_.size) {
        source_.size = file_.read(compressed_.data(), compressed_.size());
        source_.pos = 0;
        if (source_.size == 0) {
          if (open_frame_) fail("cut off", "the file ends inside a frame");
          return 0;
        }
      }
      if (!open_frame_) ++frame_;
      size_t left = ZSTD_decompressStream(context_.get(), &target, &source_);
      if (ZSTD_isError(left)) fail("damaged", ZSTD_getErrorName(left));
      open_frame_ = left != 0;
    }
    return target.pos;
  }
  int64_t file_bytes() const {
    return file_.bytes() - static_cast<int64_t>(source_.size - source_.pos);
  }

 private:
  [[noreturn]] void fail(const char* what, const std::string& reason) const {
    fail_source(file_.path(), fmt::format("the zstd data are {} near byte {}, in frame {}: {}",
                                          what, file_bytes(), frame_, reason));
  }

  PlainFile file_;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  std::vector<char> compressed_;
  ZSTD_inBuffer source_;
  int64_t frame_ = 1;
  bool open_frame_ = true;  // an empty file is cut off, too
};

template <typename Reader>
ByteSource source_of(std::shared_ptr<Reader> reader) {
  return {[reader](std::vector<char>& piece) { return reader->read(piece); },
          [reader] { return reader->file_bytes(); }};
}

}  // namespace

ByteSource open_bytes(const fs::path& file) {
  if (file.extension() == ".gz") return open_bytes(file, Packing::kGzip);
  if (file.extension() == ".zst") return open_bytes(file, Packing::kZstd);
  return open_bytes(file, Packing::kNone);
}

ByteSource open_bytes(const fs::path& file, Packing packing) {
  if (packing == Packing::kGzip) return source_of(std::make_shared<GzipReader>(file));
  if (packing == Packing::kZstd) return source_of(std::make_shared<ZstdReader>(file));
  auto plain = std::make_shared<PlainFile>(file);
  return {[plain](std::vector<char>& piece) { return plain->read(piece.data(), piece.size()); },
          [plain] { return plain->bytes(); }};
}

}  // namespace crosslaw::trainer
