"""Draws little stores of packaged products: no photographs, no licences, any number of them.

``draw_products`` invents products in families of look-alikes, ``studio_picture`` and
``phone_photo`` draw them, ``draw_store`` writes a whole store to a folder. The same seed always
draws the same store.
"""

from .assortment import draw_products
from .phone import phone_photo
from .product import DrawnProduct
from .store import draw_store
from .studio import studio_picture

__all__ = ["DrawnProduct", "draw_products", "draw_store", "phone_photo", "studio_picture"]
