#pragma once

#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "trainer/corpus/text_reader.h"

namespace crosslaw::trainer {

inline std::string zstd_of(const std::string& text, bool checksum = false) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, checksum);
  packed.resize(
      ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size()));
  return packed;
}

inline void write_gzip(const std::filesystem::path& file, const std::string& text) {
  gzFile gz = gzopen(file.c_str(), "wb");
  gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
  gzclose(gz);
}

// The parts of a .txt put together again; the first fault is thrown as "file: line n: reason".
inline std::vector<std::string> documents_of(const std::filesystem::path& file,
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

inline const std::string kLines =
    "{\"text\": \"un\"}\n\n{\"id\": 7, \"text\": \"d\\u00e9ux\\nlignes\"}\r\n{\"text\": \"中\"}";
inline const std::vector<std::string> kTexts = {"un", "déux\nlignes", "中"};

}  // namespace crosslaw::trainer
