// The part of glog that libceres.a calls. Its words go nowhere, for the fits are told to be silent;
// a failed check of Ceres, which is a bug, still ends the process with its text.
#include <glog/logging.h>

#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <sstream>

namespace fLI {
int FLAGS_v = 0;
}

namespace google {
namespace {

std::ostringstream& text() {
  static thread_local std::ostringstream stream;
  return stream;
}

[[noreturn]] void end(const char* what) {
  std::fprintf(stderr, "Ceres: check failed: %s\n", what);
  std::abort();
}

}  // namespace

LogMessageTime::LogMessageTime() : time_struct_(), timestamp_(0), usecs_(0), gmtoffset_(0) {}

LogMessage::LogMessage(const char*, int) : allocated_(nullptr), data_(nullptr) { text().str(""); }
LogMessage::LogMessage(const char*, int, LogSeverity) : allocated_(nullptr), data_(nullptr) {
  text().str("");
}
LogMessage::LogMessage(const char*, int, const CheckOpString& failed)
    : allocated_(nullptr), data_(nullptr) {
  text().str(failed.str_ ? *failed.str_ : "");
}
LogMessage::~LogMessage() = default;
std::ostream& LogMessage::stream() { return text(); }

LogMessageFatal::LogMessageFatal(const char* file, int line) : LogMessage(file, line) {}
LogMessageFatal::LogMessageFatal(const char* file, int line, const CheckOpString& failed)
    : LogMessage(file, line, failed) {}
LogMessageFatal::~LogMessageFatal() { end(text().str().c_str()); }

bool InitVLOG3__(SiteFlag*, int32*, const char*, int32) { return false; }

namespace base {
CheckOpMessageBuilder::CheckOpMessageBuilder(const char* expression)
    : stream_(new std::ostringstream) {
  *stream_ << expression << " (";
}
CheckOpMessageBuilder::~CheckOpMessageBuilder() { delete stream_; }
std::ostream* CheckOpMessageBuilder::ForVar2() {
  *stream_ << " against ";
  return stream_;
}
std::string* CheckOpMessageBuilder::NewString() {
  *stream_ << ")";
  return new std::string(stream_->str());
}
}  // namespace base
}  // namespace google
