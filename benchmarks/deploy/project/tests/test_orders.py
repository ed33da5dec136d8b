from django.test import TestCase
from shop.models import Order


class OrderTests(TestCase):
    def test_an_order_is_taken_and_shown(self):
        self.assertContains(self.client.post("/orders/7/"), "order 7 was taken")
        self.assertEqual(Order.objects.get().number, 7)
        self.assertContains(self.client.get("/"), "7")
