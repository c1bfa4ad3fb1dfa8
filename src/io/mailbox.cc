#include "io/mailbox.h"

#include <utility>

#include "io/loop.h"

namespace tdn::io {
namespace {

class FunctionMessage final : public Message {
 public:
  explicit FunctionMessage(std::function<void()> function) : function_(std::move(function)) {}
  void receive() override {
    const std::function<void()> function = std::move(function_);
    delete this;
    function();
  }

 private:
  std::function<void()> function_;
};

}  // namespace

void Mailbox::push(Message& message) {
  Message* head = head_.load(std::memory_order_relaxed);
  do {
    message.next_ = head;
  } while (!head_.compare_exchange_weak(head, &message, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
}

void Mailbox::post_quietly(Message& message) { push(message); }

void Mailbox::post(Message& message) {
  push(message);
  // Paired with prepare_to_sleep: either it sees the message or we see that it sleeps.
  if (sleeping_.load(std::memory_order_seq_cst) &&
      sleeping_.exchange(false, std::memory_order_seq_cst)) {
    poller_.interrupt();
  }
}

void Mailbox::post(std::function<void()> function) {
  post(*new FunctionMessage(std::move(function)));
}

bool Mailbox::drain() {
  sleeping_.store(false, std::memory_order_relaxed);
  Message* newest = head_.exchange(nullptr, std::memory_order_acquire);
  Message* oldest = nullptr;
  while (newest != nullptr) {
    Message* next = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  const bool any = oldest != nullptr;
  while (oldest != nullptr) {
    Message* next = std::exchange(oldest->next_, nullptr);
    oldest->receive();
    oldest = next;
  }
  return any;
}

bool Mailbox::prepare_to_sleep() {
  sleeping_.store(true, std::memory_order_seq_cst);
  return head_.load(std::memory_order_seq_cst) != nullptr;
}

}  // namespace tdn::io
