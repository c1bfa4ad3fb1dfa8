#include "sim/journal_driver.h"

#include <utility>

namespace tdn::sim {

JournalDriver::JournalDriver(SimPoller& poller, Random& random, Trace& trace, books::Writer& writer,
                             const DiskTiming& timing, std::function<void(const Error&)> fatal)
    : poller_(poller),
      random_(random),
      trace_(trace),
      writer_(writer),
      timing_(timing),
      fatal_(std::move(fatal)),
      self_(std::make_shared<JournalDriver*>(this)) {
  writer_.set_signal(*this);
  begin();
}

JournalDriver::~JournalDriver() = default;

void JournalDriver::after(Duration mean, void (JournalDriver::*step)()) {
  const auto most = static_cast<std::uint64_t>(2 * mean.count());
  at(poller_.now() + Duration(1 + random_.below(most)), step);
}

void JournalDriver::at(Instant due, void (JournalDriver::*step)()) {
  poller_.at(due, [weak = std::weak_ptr(self_), step] {
    if (const auto self = weak.lock()) {
      ((*self)->*step)();
    }
  });
}

bool JournalDriver::check(const Result<void>& outcome) {
  if (!outcome) {
    self_.reset();
    fatal_(outcome.error());
  }
  return outcome.has_value();
}

void JournalDriver::work_arrived() {
  if (resting_) {
    begin();
  }
}

void JournalDriver::begin() {
  resting_ = false;
  after(timing_.write, &JournalDriver::write);
}

void JournalDriver::write() {
  trace_.note("write", 0);
  const Result<bool> wants_sync = writer_.write();
  if (!wants_sync) {
    check(fail(wants_sync.error()));
    return;
  }
  *wants_sync ? after(timing_.sync, &JournalDriver::sync) : finish();
}

void JournalDriver::sync() {
  trace_.note("sync", 0);
  if (check(writer_.sync())) {
    finish();
  }
}

void JournalDriver::finish() {
  writer_.release();
  if (writer_.has_work()) {
    begin();
    return;
  }
  if (!check(writer_.rest())) {
    return;
  }
  resting_ = true;
  if (writer_.next_retry() != kNever) {
    at(writer_.next_retry(), &JournalDriver::work_arrived);
  }
}

}  // namespace tdn::sim
